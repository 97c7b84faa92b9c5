package nginxconf

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// app is an HTTP server that answers with the request it got, byte for byte.
// It listens on TCP and on a Unix socket, and counts what arrives where.
type app struct {
	tcp, unix net.Listener

	mu      sync.Mutex
	heads   []string
	hits    int
	viaTCP  int
	viaUnix int
}

func newApp(t *testing.T, addr, socket string, serve func(net.Listener)) *app {
	t.Helper()
	a := &app{}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var err error
	if a.tcp, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the app cannot listen: %v", err)
	}
	if a.unix, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.tcp.Close(); a.unix.Close() })
	tcp, unix := counted{a.tcp, a, &a.viaTCP}, counted{a.unix, a, &a.viaUnix}
	if serve == nil {
		serve = a.accept
	}
	go serve(tcp)
	go serve(unix)
	return a
}

func (a *app) addr() string { return a.tcp.Addr().String() }
func (a *app) port() string { _, p, _ := net.SplitHostPort(a.addr()); return p }

// counted counts the connections that it accepts.
type counted struct {
	net.Listener
	app *app
	n   *int
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.app.mu.Lock()
		*c.n++
		c.app.mu.Unlock()
	}
	return conn, err
}

func (a *app) accept(l net.Listener) { each(l, a.serve) }

// each serves every connection of a listener.
func each(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

// take returns and forgets what was received.
func (a *app) take() (heads []string, tcp, unix int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	heads, tcp, unix = a.heads, a.viaTCP, a.viaUnix
	a.heads, a.viaTCP, a.viaUnix = nil, 0, 0
	return heads, tcp, unix
}

func (a *app) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		head, body, err := readRequest(r)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.heads = append(a.heads, head+body)
		a.hits++
		hit := a.hits
		a.mu.Unlock()
		if strings.Contains(strings.ToLower(head), "upgrade: websocket") {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
			io.Copy(c, r)
			return
		}
		last := !strings.Contains(head, "HTTP/1.1\r\n") || strings.Contains(head, "Connection: close")
		if _, err := c.Write(answer(head, body, hit, last)); err != nil || last {
			return
		}
	}
}

func readRequest(r *bufio.Reader) (head, body string, err error) {
	var b strings.Builder
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		b.WriteString(line)
		if v, ok := strings.CutPrefix(strings.ToLower(line), "content-length:"); ok {
			length, _ = strconv.Atoi(textproto.TrimString(v))
		}
		if line == "\r\n" {
			break
		}
	}
	buf := make([]byte, length)
	_, err = io.ReadFull(r, buf)
	return b.String(), string(buf), err
}

// answer echoes the request. The query may ask for a redirect (loc), a status
// and a cacheable answer that tells how often the app was asked; the header X-To
// for a redirect inside nginx. The last answer of a connection says so: nginx
// would keep it for a request that then meets the end of it.
func answer(head, body string, hit int, last bool) []byte {
	uri := strings.Fields(head)[1]
	_, query, _ := strings.Cut(uri, "?")
	q, _ := url.ParseQuery(query)
	status, extra, text := "200 OK", "", head+body
	if s := q.Get("status"); s != "" {
		status = s + " Asked"
	}
	if loc := q.Get("loc"); loc != "" {
		status = "302 Found"
		extra = "Location: " + loc + "\r\nRefresh: 5; url=" + loc + "\r\nSet-Cookie: a=b; domain=127.0.0.1; path=/app/\r\n"
	}
	if _, to, _ := strings.Cut(head, "\r\nX-To: "); to != "" && !strings.HasPrefix(to, uri+"\r\n") {
		to, _, _ = strings.Cut(to, "\r\n")
		extra += "X-Accel-Redirect: " + to + "\r\n"
	}
	if last {
		extra += "Connection: close\r\n"
	}
	if q.Has("cache") {
		extra += "Cache-Control: max-age=3600\r\n"
		text = fmt.Sprintf("hit %d", hit)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\nServer: app\r\nContent-Type: text/plain\r\n%sContent-Length: %d\r\n\r\n%s", status, extra, len(text), text)
	return b.Bytes()
}

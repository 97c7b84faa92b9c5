package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, s *server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if s.idle == 0 {
		s.idle = time.Minute
	}
	s.version, s.started, s.conns = "v7", time.Now(), map[*conn]bool{}
	go s.accept(l)
	return l.Addr().String()
}

func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c, bufio.NewReader(c)
}

func answer(t *testing.T, r *bufio.Reader) (Answer, *http.Response) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	var a Answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	return a, resp
}

// Heads come back byte for byte, in a pipeline with bodies between them too.
func TestRawHead(t *testing.T) {
	c, r := dial(t, start(t, &server{}))
	heads := []string{
		"POST /a%2Fb?x=1&&y HTTP/1.1\r\nhost: h\r\nX-b: 2\r\nx-A: 1\r\nX-b: 3\r\nContent-Length: 5\r\n\r\n",
		"POST /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	}
	bodies := []string{"hello", "5\r\nhello\r\n0\r\n\r\n", ""}
	for i := range heads {
		io.WriteString(c, heads[i]+bodies[i])
	}
	for i := range heads {
		a, resp := answer(t, r)
		if a.Head != heads[i] {
			t.Errorf("head %d\n got %q\nwant %q", i, a.Head, heads[i])
		}
		if want := int64(5); i < 2 && a.BodyBytes != want {
			t.Errorf("body %d: %d bytes, want %d", i, a.BodyBytes, want)
		}
		if resp.Close != (i == 2) {
			t.Errorf("answer %d: close %v", i, resp.Close)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("connection not closed after Connection: close: %v", err)
	}
}

func TestHTTP10(t *testing.T) {
	c, r := dial(t, start(t, &server{}))
	io.WriteString(c, "GET /events?every=1ms&count=3 HTTP/1.0\r\n\r\n")
	all, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(all), "id: 3\ndata: v7\n\n") || strings.Contains(string(all), "chunked") {
		t.Errorf("%v\n%s", err, all)
	}
}

func TestBytesAndStatus(t *testing.T) {
	addr := start(t, &server{unhealthy: time.Hour})
	get := func(path string) (*http.Response, []byte) {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, data
	}
	resp, data := get("/x?bytes=300000&drip=1ms&status=203")
	if sum, n := hash(bytes.NewReader(data)); n != 300000 || sum != resp.Header.Get("X-Sha256") || resp.StatusCode != 203 {
		t.Errorf("%d bytes, status %s, hash equal: %v", n, resp.Status, sum == resp.Header.Get("X-Sha256"))
	}
	if resp, _ := get("/health"); resp.StatusCode != 503 {
		t.Errorf("unhealthy server: %s", resp.Status)
	}
	addr = start(t, &server{unhealthy: 200 * time.Millisecond})
	deadline := time.Now().Add(time.Minute)
	for resp, _ := get("/health"); resp.StatusCode != 200; resp, _ = get("/health?delay=20ms") {
		if time.Now().After(deadline) {
			t.Fatalf("never healthy: %s", resp.Status)
		}
	}
}

func TestIdleAndDrain(t *testing.T) {
	for idle := 50 * time.Millisecond; ; idle *= 10 {
		c, r := dial(t, start(t, &server{idle: idle}))
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := r.Peek(1); err != nil && idle < 10*time.Second {
			continue // it was idle for so long before the request was there
		}
		answer(t, r)
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("idle connection: %v, want EOF", err)
		}
		break
	}
	s := &server{}
	c, r := dial(t, start(t, s))
	io.WriteString(c, "GET /?delay=100ms HTTP/1.1\r\nHost: h\r\n\r\n")
	_, idle := dial(t, c.RemoteAddr().String())
	for {
		s.mu.Lock()
		busy, all := s.served, len(s.conns)
		s.mu.Unlock()
		if busy == 1 && all == 2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	s.drain()
	if _, resp := answer(t, r); resp.StatusCode != 200 {
		t.Errorf("busy connection: %s", resp.Status)
	}
	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("idle connection after drain: %v", err)
	}
}

func TestWebsocket(t *testing.T) {
	c, r := dial(t, start(t, &server{}))
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	// The key and its answer are the example of RFC 6455, section 1.3.
	if err != nil || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%v %v", resp, err)
	}
	for _, size := range []int{0, 5, 200, 70000} {
		want := bytes.Repeat([]byte("x"), size)
		writeFrame(c, 0x81, want)
		first, got, err := readFrame(r)
		if err != nil || first != 0x81 || !bytes.Equal(got, want) {
			t.Errorf("size %d: %#x, %d bytes, %v", size, first, len(got), err)
		}
	}
	c.Write([]byte{0x82, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3})
	if _, got, _ := readFrame(r); string(got) != "abc" {
		t.Errorf("masked message came back as %q", got)
	}
}

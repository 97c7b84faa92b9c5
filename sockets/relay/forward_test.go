package relay

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limit is how long anything in a test may take.
const limit = 60 * time.Second

// relayed is one forwarded connection and its two outer ends.
type relayed struct {
	client *net.UnixConn // what nginx would hold
	app    *net.TCPConn  // what the app would hold
	done   chan result
}

type result struct {
	sent, received int64
	err            error
}

// stream is what both kinds of connection can do.
type stream interface {
	net.Conn
	CloseWrite() error
}

// stage makes the sockets around relays.
type stage struct {
	unix *net.UnixListener
	tcp  *net.TCPListener
}

func newStage(t testing.TB) *stage {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); tcp.Close() })
	return &stage{l, tcp}
}

// connect returns both ends of a connection through each listener.
func (s *stage) connect(t testing.TB) (client *net.UnixConn, accepted, dialed *Conn, app *net.TCPConn) {
	t.Helper()
	client, err := net.DialUnix("unix", nil, s.unix.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	accepted, dialed = s.accept(t), dialTCP(t, s.tcp.Addr().(*net.TCPAddr).AddrPort())
	app, err = s.tcp.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return client, accepted, dialed, app
}

func (s *stage) accept(t testing.TB) (c *Conn) {
	t.Helper()
	rc, err := s.unix.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var acceptErr error
	err = rc.Control(func(fd uintptr) {
		a, err := Accept(int(fd), func(next *Conn) bool { c = next; return false })
		if err == nil {
			err = <-a.Result()
		}
		acceptErr = err
	})
	if err := errors.Join(err, acceptErr); err != nil {
		t.Fatal(err)
	}
	return c
}

func dialTCP(t testing.TB, to netip.AddrPort) *Conn {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	if err == nil {
		err = c.Connected(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *stage) relay(t testing.TB) *relayed {
	t.Helper()
	client, accepted, dialed, app := s.connect(t)
	deadline := time.Now().Add(limit)
	client.SetDeadline(deadline)
	app.SetDeadline(deadline)
	r := &relayed{client, app, make(chan result, 1)}
	var seen tally
	Forward(accepted, dialed, &seen, func(sent, received int64, err error) {
		if seen.toApp < sent || seen.toClient < received {
			t.Errorf("told of %d and %d bytes, carried %d and %d", seen.toApp, seen.toClient, sent, received)
		}
		r.done <- result{sent, received, err}
	})
	t.Cleanup(func() { client.Close(); app.Close() })
	return r
}

// tally is an observer that counts.
type tally struct{ toApp, toClient int64 }

func (o *tally) ToApp(p []byte)    { o.toApp += int64(len(p)) }
func (o *tally) ToClient(p []byte) { o.toClient += int64(len(p)) }
func (o *tally) Unseen(toClient bool, n int) {
	if toClient {
		o.toClient += int64(n)
	} else {
		o.toApp += int64(n)
	}
}

func (r *relayed) end(t testing.TB) result {
	t.Helper()
	select {
	case res := <-r.done:
		return res
	case <-time.After(limit):
		t.Fatal("Forward did not return")
		return result{}
	}
}

func (r *relayed) running(t testing.TB) {
	t.Helper()
	select {
	case res := <-r.done:
		t.Fatalf("Forward returned: %+v", res)
	case <-time.After(50 * time.Millisecond):
	}
}

func write(t testing.TB, c io.Writer, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c io.Reader, s string) {
	t.Helper()
	buf := make([]byte, len(s))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != s {
		t.Fatalf("read %q, %v; want %q", buf, err, s)
	}
}

func expectEOF(t testing.TB, c io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("read %q, %v; want the end", rest, err)
	}
}

func TestForwardBothWays(t *testing.T) {
	r := newStage(t).relay(t)
	for i := range 3 {
		write(t, r.client, fmt.Sprint("question", i))
		expect(t, r.app, fmt.Sprint("question", i))
		write(t, r.app, fmt.Sprint("answer", i))
		expect(t, r.client, fmt.Sprint("answer", i))
	}
	r.client.Close()
	expectEOF(t, r.app)
	if res := r.end(t); res != (result{27, 21, nil}) {
		t.Errorf("got %+v", res)
	}
}

func TestForwardHalfClose(t *testing.T) {
	for _, first := range []string{"client", "app"} {
		t.Run(first+" ends first", func(t *testing.T) {
			r := newStage(t).relay(t)
			var one, other stream = r.client, r.app
			if first == "app" {
				one, other = other, one
			}
			write(t, one, "all I have")
			if err := one.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expect(t, other, "all I have")
			expectEOF(t, other)
			// The other direction lives on for as long as it likes.
			for range 3 {
				r.running(t)
				write(t, other, "more")
				expect(t, one, "more")
			}
			if err := other.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, one)
			if res := r.end(t); res.err != nil || res.sent+res.received != 10+12 {
				t.Errorf("got %+v", res)
			}
		})
	}
}

// A client that has gone away ends the connection at once, though the app says
// nothing and has not even read the end.
func TestForwardClientGoneWhileAppIsSilent(t *testing.T) {
	r := newStage(t).relay(t)
	write(t, r.client, "question")
	expect(t, r.app, "question")
	r.client.Close()
	if res := r.end(t); res.err != nil {
		t.Errorf("got %+v", res)
	}
	expectEOF(t, r.app)
}

// The same after the client had ended only its own direction.
func TestForwardClientGoneAfterHalfClose(t *testing.T) {
	r := newStage(t).relay(t)
	if err := r.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEOF(t, r.app)
	r.running(t)
	r.client.Close()
	if res := r.end(t); res.err != nil {
		t.Errorf("got %+v", res)
	}
}

// A client that leaves answers unread resets a TCP connection, so it must here.
func TestForwardClientBreaksOff(t *testing.T) {
	r := newStage(t).relay(t)
	write(t, r.app, strings.Repeat("x", 100))
	waitFor(t, func() bool { return readable(r.client) })
	r.client.Close()
	if res := r.end(t); !errors.Is(res.err, unix.ECONNRESET) {
		t.Errorf("got %+v, want a reset", res)
	}
	if _, err := io.ReadAll(r.app); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the app read %v, want a reset", err)
	}
}

func TestForwardAppResets(t *testing.T) {
	r := newStage(t).relay(t)
	write(t, r.client, "question")
	expect(t, r.app, "question")
	r.app.SetLinger(0)
	r.app.Close()
	if res := r.end(t); !errors.Is(res.err, unix.ECONNRESET) {
		t.Errorf("got %+v, want a reset", res)
	}
	expectEOF(t, r.client)
}

// The app ended its direction, and resets what the client still sends.
func TestForwardAppGoneAfterHalfClose(t *testing.T) {
	r := newStage(t).relay(t)
	r.app.Close()
	expectEOF(t, r.client)
	r.running(t)
	write(t, r.client, "anybody there?")
	r.end(t)
	if _, err := r.client.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("writing to a closed connection: %v", err)
	}
}

// A connection on which nothing happens can be cut from outside.
func TestForwardCut(t *testing.T) {
	client, accepted, dialed, app := newStage(t).connect(t)
	done := make(chan error, 1)
	r := Forward(accepted, dialed, nil, func(_, _ int64, err error) { done <- err })
	write(t, app, "an answer")
	waitFor(t, func() bool { return r.Unread() > 0 })
	expect(t, client, "an answer")
	waitFor(t, func() bool { return r.Unread() == 0 })
	r.Cut()
	select {
	case err := <-done:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	case <-time.After(limit):
		t.Fatal("it did not end")
	}
	expectEOF(t, client)
	r.Cut() // again, to no effect
}

// Random data in random pieces both ways at once, with readers that stall.
func TestForwardLargeTransfers(t *testing.T) {
	s := newStage(t)
	const size = 8 << 20
	var all sync.WaitGroup
	for range 4 {
		r := s.relay(t)
		for _, pair := range [][2]stream{{r.client, r.app}, {r.app, r.client}} {
			sum := make(chan [32]byte, 1)
			all.Go(func() { sum <- sendRandom(t, pair[0], size) })
			all.Go(func() {
				got := receiveSlowly(t, pair[1])
				if want := <-sum; got != want {
					t.Error("data arrived changed")
				}
			})
		}
		all.Go(func() {
			if res := <-r.done; res != (result{size, size, nil}) {
				t.Errorf("got %+v", res)
			}
		})
	}
	all.Wait()
}

func sendRandom(t *testing.T, c stream, size int) [32]byte {
	buf := make([]byte, 256<<10)
	hash := sha256.New()
	for left := size; left > 0; {
		piece := buf[:min(left, 1+rand.IntN(len(buf)))]
		for i := range piece {
			piece[i] = byte(rand.Uint32())
		}
		hash.Write(piece)
		if _, err := c.Write(piece); err != nil {
			t.Error(err)
			break
		}
		left -= len(piece)
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	return [32]byte(hash.Sum(nil))
}

func receiveSlowly(t *testing.T, c stream) [32]byte {
	hash := sha256.New()
	buf := make([]byte, 100<<10)
	for i := 0; ; i++ {
		n, err := c.Read(buf)
		hash.Write(buf[:n])
		if err == io.EOF {
			return [32]byte(hash.Sum(nil))
		}
		if err != nil {
			t.Error(err)
			return [32]byte{}
		}
		if i%16 == 0 {
			runtime.Gosched()
			<-time.After(time.Millisecond) // lets the buffers in between fill up
		}
	}
}

// Connections hold no goroutine, and nothing is left when they end.
func TestForwardLeaksNothing(t *testing.T) {
	s := newStage(t)
	warm := s.relay(t)
	warm.client.Close()
	warm.end(t)
	warm.app.Close()
	fds, goroutines := openFDs(t), runtime.NumGoroutine()
	const n = 200
	var relays []*relayed
	for range n {
		r := s.relay(t)
		write(t, r.client, "question")
		expect(t, r.app, "question")
		write(t, r.app, "answer")
		expect(t, r.client, "answer")
		relays = append(relays, r)
	}
	// Those that began a connection may be about to end.
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	for i, r := range relays {
		switch i % 4 {
		case 0:
			r.client.Close()
		case 1:
			r.app.Close()
			r.client.Close()
		case 2:
			r.app.SetLinger(0)
			r.app.Close()
		case 3: // unread data in both directions, then gone
			write(t, r.client, "x")
			write(t, r.app, "x")
			r.client.Close()
			r.app.Close()
		}
		r.end(t)
		r.client.Close()
		r.app.Close()
	}
	waitFor(t, func() bool { return openFDs(t) <= fds && runtime.NumGoroutine() <= goroutines })
}

func readable(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	ready := false
	raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, _ := unix.Poll(p, 0)
		ready = n > 0
	})
	return ready
}

// waitFor polls until ok, and fails the test if it never is.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A long answer is spliced. What comes after the next question is shown to the
// observer again, and no pipe is held by connections on which nothing flows.
func TestForwardSplicesLongRuns(t *testing.T) {
	client, accepted, dialed, app := newStage(t).connect(t)
	deadline := time.Now().Add(limit)
	client.SetDeadline(deadline)
	app.SetDeadline(deadline)
	var shown, hidden int64
	last := ""
	o := observer(func(first []byte, n int) {
		shown += int64(len(first))
		hidden += int64(n - len(first))
		if string(first) == "welcome" && last == "" {
			t.Error("the end of a long run was not shown")
		}
		last = string(first)
	})
	done := make(chan result, 1)
	Forward(accepted, dialed, o, func(sent, received int64, err error) { done <- result{sent, received, err} })
	const size = 4 << 20
	for range 3 {
		write(t, client, "question")
		expect(t, app, "question")
		go app.Write(make([]byte, size))
		if n, err := io.CopyN(io.Discard, client, size); err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		write(t, client, "thanks")
		expect(t, app, "thanks")
		write(t, app, "welcome")
		expect(t, client, "welcome")
	}
	client.Close()
	expectEOF(t, app)
	res := <-done
	if res != (result{3 * 14, 3 * (size + 7), nil}) || shown+hidden != res.received {
		t.Errorf("got %+v, %d bytes shown and %d not", res, shown, hidden)
	}
	if hidden == 0 || last != "welcome" {
		t.Errorf("%d bytes spliced, last shown: %q", hidden, last)
	}
	pipePool.Lock()
	defer pipePool.Unlock()
	if held := pipeFDs()/2 - len(pipePool.free); held > basePipes {
		t.Errorf("%d pipes are held", held-basePipes)
	}
}

// observer sees what goes to the client.
type observer func(first []byte, n int)

func (observer) ToApp([]byte)                  {}
func (o observer) ToClient(piece []byte)       { o(piece, len(piece)) }
func (o observer) Unseen(toClient bool, n int) { o(nil, n) }

var basePipes = pipeFDs() / 2

func pipeFDs() (n int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

package carry

import (
	"io"
	"net"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

// converse lets the echoing app say something through c.
func converse(t *testing.T, c *net.UnixConn, answer string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte(answer)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, len(answer))); err != nil {
		t.Fatal(err)
	}
}

// Real connections are told apart, also after one of them was used again, and
// only websockets are ended.
func TestFrontTellsWebsockets(t *testing.T) {
	f, path := running(t, 10)
	f.Gate.Open(only(fake.NewEchoApp(t)))
	const (
		whole     = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		part      = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
		switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	)
	idle, slow, socket, reused := fake.Connect(t, path), fake.Connect(t, path), fake.Connect(t, path), fake.Connect(t, path)
	converse(t, idle, whole)
	converse(t, slow, part)
	converse(t, socket, switching)
	for range 3 {
		converse(t, reused, whole)
	}
	want := state.Kinds{Websockets: 1, Requests: 1, Idle: 2, Unknown: 1}
	eventually(t, "kinds", func() bool { return f.Conns.Kinds(5) == want })
	converse(t, reused, switching)
	want = state.Kinds{Websockets: 2, Requests: 1, Idle: 1}
	eventually(t, "kinds after an upgrade", func() bool { return f.Conns.Kinds(4) == want })
	if n := f.Conns.CloseWebsockets(); n != 2 {
		t.Errorf("%d websockets ended", n)
	}
	for _, c := range []*net.UnixConn{socket, reused} {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
			t.Errorf("the websocket goes on: %d, %v", n, err)
		}
	}
	converse(t, idle, whole)
	converse(t, slow, "more of both") // at the same time: no telling where the answer ends
	want = state.Kinds{Idle: 1, Unknown: 1}
	eventually(t, "only websockets are gone", func() bool { return f.Conns.Kinds(0) == want })
	for _, c := range []*net.UnixConn{idle, slow} {
		c.Close()
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// An answer that nginx has not read yet is not over.
func TestAnUnreadAnswerIsARequestInProgress(t *testing.T) {
	f, path := running(t, 10)
	f.Gate.Open(only(fake.NewEchoApp(t)))
	c := fake.Connect(t, path)
	if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answered", func() bool {
		f.Conns.mu.Lock()
		defer f.Conns.mu.Unlock()
		for c := range f.Conns.all {
			now, _ := c.state()
			return now == quiet && c.relay.Unread() > 0
		}
		return false
	})
	if got, want := f.Conns.Kinds(1), (state.Kinds{Requests: 1}); got != want {
		t.Errorf("kinds %+v, want %+v", got, want)
	}
	c.Close()
}

// The rate is one of requests: those on kept connections make others wait, too.
func TestRequestsOnKeptConnectionsCount(t *testing.T) {
	f, path := running(t, 10)
	f.Gate.Open(only(fake.NewEchoApp(t)))
	c := fake.Connect(t, path)
	for range 5 {
		converse(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
	if n := f.Conns.requests.Load(); n != 5 || f.Gate.Total() != 1 {
		t.Errorf("%d requests on %d connections, want 5 on 1", n, f.Gate.Total())
	}
}

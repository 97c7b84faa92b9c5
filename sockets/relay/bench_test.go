package relay

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// copyBoth is what Forward is measured against: the net package's own splice,
// or, behind plain interfaces, a copy through buffers of this process.
func copyBoth(b *testing.B, wrap func(net.Conn) net.Conn) func(client, app *Conn) {
	return func(clientConn, appConn *Conn) {
		client, app := netConn(b, clientConn).(*net.UnixConn), netConn(b, appConn).(*net.TCPConn)
		done := make(chan struct{})
		go func() {
			_, _ = io.Copy(wrap(client), wrap(app))
			_ = client.CloseWrite()
			close(done)
		}()
		go func() {
			defer client.Close()
			defer app.Close()
			_, _ = io.Copy(wrap(app), wrap(client))
			_ = app.CloseWrite()
			<-done
		}()
	}
}

func netConn(t testing.TB, c *Conn) net.Conn {
	t.Helper()
	n, err := c.Net()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type plainConn struct{ net.Conn }

func forwarder(b *testing.B, name string) func(client, app *Conn) {
	switch name {
	case "io.Copy":
		return copyBoth(b, func(c net.Conn) net.Conn { return c })
	case "buffered":
		return copyBoth(b, func(c net.Conn) net.Conn { return plainConn{c} })
	}
	return func(client, app *Conn) { Forward(client, app, nil, func(int64, int64, error) {}) }
}

// BenchmarkThroughput moves large answers.
func BenchmarkThroughput(b *testing.B) {
	for _, name := range []string{"Forward", "io.Copy", "buffered"} {
		b.Run(name, func(b *testing.B) {
			client, accepted, dialed, app := newStage(b).connect(b)
			forwarder(b, name)(accepted, dialed)
			block := make([]byte, 256<<10)
			b.SetBytes(int64(len(block)))
			go func() {
				for range b.N {
					if _, err := app.Write(block); err != nil {
						return
					}
				}
				_ = app.CloseWrite()
			}()
			if _, err := io.Copy(io.Discard, plainConn{client}); err != nil {
				b.Fatal(err)
			}
			client.Close()
			app.Close()
		})
	}
}

// BenchmarkRoundTrip is one small question and answer on an open connection.
func BenchmarkRoundTrip(b *testing.B) {
	for _, name := range []string{"Forward", "io.Copy", "buffered"} {
		b.Run(name, func(b *testing.B) {
			client, accepted, dialed, app := newStage(b).connect(b)
			forwarder(b, name)(accepted, dialed)
			go func() { _, _ = io.Copy(plainConn{app}, plainConn{app}) }()
			buf := make([]byte, 512)
			for b.Loop() {
				if _, err := client.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, buf); err != nil {
					b.Fatal(err)
				}
			}
			client.Close()
			app.Close()
		})
	}
}

// BenchmarkIdle reports the memory of connections on which nothing happens.
func BenchmarkIdle(b *testing.B) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"Forward", "io.Copy"} {
		b.Run(name, func(b *testing.B) {
			s := newStage(b)
			perConn := 4
			if name == "io.Copy" {
				perConn = 8 // it holds two pipes
			}
			n := min(5000, (int(files.Cur)-200)/perConn)
			for b.Loop() {
				before := residentKB(b)
				var held []net.Conn
				for range n {
					client, accepted, dialed, app := s.connect(b)
					forwarder(b, name)(accepted, dialed)
					write(b, client, "question")
					expect(b, app, "question")
					write(b, app, "answer")
					expect(b, client, "answer")
					held = append(held, client, app)
				}
				// The outer two ends are part of it, for about a kilobyte each.
				b.ReportMetric(float64(residentKB(b)-before)/float64(n), "KB/conn")
				b.ReportMetric(float64(n), "conns")
				for _, c := range held {
					c.Close()
				}
			}
		})
	}
}

func residentKB(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kb
}

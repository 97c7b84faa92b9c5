package systemd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// hungSystemd accepts connections. When it greets, it lets clients in and takes
// their first call, as systemd does with the match for signals; nothing else is
// ever answered.
func hungSystemd(t *testing.T, greets bool) *Units {
	t.Helper()
	path := filepath.Join(t.TempDir(), "private")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if greets {
				go greet(c)
			}
		}
	}()
	return &Units{dial: func(ctx context.Context) (*dbus.Conn, error) {
		return dbus.NewConnection(func() (*godbus.Conn, error) {
			c, err := godbus.Dial("unix:path="+path, godbus.WithContext(ctx))
			if err == nil {
				err = c.Auth([]godbus.Auth{godbus.AuthExternal("0")})
			}
			return c, err
		})
	}}
}

// greet speaks the handshake of D-Bus and answers one call.
func greet(c net.Conn) {
	in := bufio.NewReader(c)
	_, _ = in.ReadByte() // the zero byte that carries credentials
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			_, _ = c.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n"))
		case strings.HasPrefix(line, "AUTH"):
			_, _ = c.Write([]byte("REJECTED EXTERNAL\r\n"))
		case strings.HasPrefix(line, "NEGOTIATE_UNIX_FD"):
			_, _ = c.Write([]byte("ERROR\r\n"))
		case strings.HasPrefix(line, "BEGIN"):
			m, err := godbus.DecodeMessage(in)
			if err != nil || m.Headers[godbus.FieldMember].Value() != "AddMatch" {
				return
			}
			reply := &godbus.Message{Type: godbus.TypeMethodReply, Headers: map[godbus.HeaderField]godbus.Variant{
				godbus.FieldReplySerial: godbus.MakeVariant(m.Serial()),
			}}
			_ = reply.EncodeTo(c, binary.LittleEndian)
			return
		}
	}
}

// A systemd that hangs ends no command's life: every call comes back at its
// deadline and says what was asked.
func TestHungSystemd(t *testing.T) {
	calls := map[string]func(context.Context, *Units) error{
		"asking for the state of x.service": func(ctx context.Context, u *Units) error { _, err := u.State(ctx, "x.service"); return err },
		"asking systemd for its version":    func(ctx context.Context, u *Units) error { _, err := u.Version(ctx); return err },
		"starting x.service":                func(ctx context.Context, u *Units) error { return u.Start(ctx, "x.service") },
		"stopping x.service":                func(ctx context.Context, u *Units) error { return u.Stop(ctx, "x.service") },
		"restarting x.service":              func(ctx context.Context, u *Units) error { return u.Restart(ctx, "x.service") },
		"enabling x.service":                func(ctx context.Context, u *Units) error { return u.Enable(ctx, "x.service") },
		"disabling x.service":               func(ctx context.Context, u *Units) error { return u.Disable(ctx, "x.service") },
		"resetting x.service":               func(ctx context.Context, u *Units) error { return u.ResetFailed(ctx, "x.service") },
		"reloading unit files":              func(ctx context.Context, u *Units) error { return u.Reload(ctx) },
	}
	for _, greets := range []bool{false, true} {
		u := hungSystemd(t, greets)
		for what, call := range calls {
			t.Run(what, func(t *testing.T) {
				var err error
				for wait := 100 * time.Millisecond; ; wait *= 10 {
					ctx, cancel := context.WithTimeout(t.Context(), wait)
					start := time.Now()
					err = call(ctx, u)
					cancel()
					if took := time.Since(start); took > wait+limit {
						t.Errorf("came back after %s", took)
					}
					if err == nil {
						t.Fatal("no error")
					}
					// The greeting itself can take longer than the first of these waits.
					if !greets || wait > limit/10 || !strings.Contains(err.Error(), "connecting to systemd") {
						break
					}
				}
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "systemd did not answer in time") {
					t.Errorf("error %v, want %q and that systemd did not answer", err, what)
				}
				if connecting := strings.Contains(err.Error(), "connecting to systemd"); connecting == greets {
					t.Errorf("greets %v, error %v", greets, err)
				}
			})
		}
	}
}

// What is asked without a deadline gets one.
func TestBounded(t *testing.T) {
	ctx, cancel := bounded(context.Background(), time.Minute)
	defer cancel()
	if d, ok := ctx.Deadline(); !ok || time.Until(d) > time.Minute {
		t.Errorf("deadline %v, %v", d, ok)
	}
	long, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	ctx, cancel = bounded(long, time.Minute)
	defer cancel()
	if d, _ := ctx.Deadline(); time.Until(d) < 50*time.Minute {
		t.Errorf("a deadline of one's own was shortened to %v", d)
	}
}

// Why a caller has given up is its own to say.
func TestGivenUp(t *testing.T) {
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := unanswered(ctx, ctx.Err()); err != why {
		t.Errorf("%v, want %v", err, why)
	}
	if err := unanswered(ctx, net.ErrClosed); err != net.ErrClosed {
		t.Errorf("%v, want %v", err, net.ErrClosed)
	}
}

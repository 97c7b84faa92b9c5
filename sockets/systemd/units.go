package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// errSkipped means that systemd did not start a unit because a condition of
// it is not met: the socket of an empty slot.
var errSkipped = errors.New("a condition of the unit is not met")

// Units talks to systemd over its private socket, which needs root and works
// without a message bus. It is safe for concurrent use. Where systemd has
// executed itself again, it connects anew. The deadline of every call is its
// context's, or half a minute when that has none, and two minutes for a job.
type Units struct {
	dial func(context.Context) (*dbus.Conn, error)
	mu   sync.Mutex
	conn *dbus.Conn
}

const (
	callWait = 30 * time.Second
	jobWait  = 2 * time.Minute
)

// Open connects to systemd.
func Open(ctx context.Context) (*Units, error) {
	ctx, cancel := bounded(ctx, callWait)
	defer cancel()
	u := &Units{dial: dbus.NewSystemdConnectionContext}
	_, err := u.connect(ctx)
	return u, err
}

// bounded gives ctx a deadline when it has none: systemd may hang, and whoever
// asks it must not hang with it.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// unanswered says so when err is a wait that came to its end, and why its
// caller has given up.
func unanswered(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("systemd did not answer in time: %w", err)
	}
	return err
}

// Close ends the connection.
func (u *Units) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
}

// connect returns a connection that is up.
func (u *Units) connect(ctx context.Context) (*dbus.Conn, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil && u.conn.Connected() {
		return u.conn, nil
	}
	if u.conn != nil {
		u.conn.Close()
	}
	// The library ties the life of a connection to the context that it is made
	// with, so only the wait for it is the caller's.
	type result struct {
		conn *dbus.Conn
		err  error
	}
	made := make(chan result, 1)
	go func() {
		c, err := u.dial(context.WithoutCancel(ctx))
		made <- result{c, err}
	}()
	select {
	case r := <-made:
		if r.err != nil {
			u.conn = nil
			return nil, fmt.Errorf("connecting to systemd: %w", r.err)
		}
		u.conn = r.conn
		return r.conn, nil
	case <-ctx.Done():
		u.conn = nil
		go func() {
			if r := <-made; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, fmt.Errorf("connecting to systemd: %w", unanswered(ctx, ctx.Err()))
	}
}

// call runs do with a connection, once more with a new one if it broke.
// Everything asked for here can be asked twice.
func (u *Units) call(ctx context.Context, what string, do func(context.Context, *dbus.Conn) error) error {
	ctx, cancel := bounded(ctx, callWait)
	defer cancel()
	for try := 1; ; try++ {
		conn, err := u.connect(ctx)
		if err == nil {
			err = unanswered(ctx, do(ctx, conn))
			if err != nil && try == 1 && !conn.Connected() {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
}

// isDBus reports whether err is the D-Bus error of that name.
func isDBus(err error, name string) bool {
	var e godbus.Error
	return errors.As(err, &e) && e.Name == name
}

const noSuchUnit = "org.freedesktop.systemd1.NoSuchUnit"

// Enable makes units start at boot. Call [Units.Reload] afterwards.
func (u *Units) Enable(ctx context.Context, units ...string) error {
	return u.call(ctx, "enabling "+strings.Join(units, ", "), func(ctx context.Context, c *dbus.Conn) error {
		_, _, err := c.EnableUnitFilesContext(ctx, units, false, false)
		return err
	})
}

// Disable takes units out of the boot again, also if they never were in it.
// Call [Units.Reload] afterwards.
func (u *Units) Disable(ctx context.Context, units ...string) error {
	return u.call(ctx, "disabling "+strings.Join(units, ", "), func(ctx context.Context, c *dbus.Conn) error {
		_, err := c.DisableUnitFilesContext(ctx, units, false)
		return err
	})
}

// Reload makes systemd read all unit files again (daemon-reload).
func (u *Units) Reload(ctx context.Context) error {
	return u.call(ctx, "reloading unit files", func(ctx context.Context, c *dbus.Conn) error {
		return c.ReloadContext(ctx)
	})
}

// ResetFailed forgets that a unit has failed. A unit that systemd does not
// know has not failed.
func (u *Units) ResetFailed(ctx context.Context, unit string) error {
	return u.call(ctx, "resetting "+unit, func(ctx context.Context, c *dbus.Conn) error {
		err := c.ResetFailedUnitContext(ctx, unit)
		if isDBus(err, noSuchUnit) {
			return nil
		}
		return err
	})
}

// Version returns systemd's version as it says it, "252.39-1~deb12u1".
func (u *Units) Version(ctx context.Context) (version string, err error) {
	err = u.call(ctx, "asking systemd for its version", func(ctx context.Context, c *dbus.Conn) error {
		v, err := managerProperty(ctx, c, "Version")
		version = strings.Trim(v, `"`)
		return err
	})
	return version, err
}

// managerProperty is the library's, which takes no context.
func managerProperty(ctx context.Context, c *dbus.Conn, name string) (string, error) {
	type answer struct {
		value string
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		v, err := c.GetManagerProperty(name)
		got <- answer{v, err}
	}()
	select {
	case a := <-got:
		return a.value, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Notify tells the service manager about this process, in the words of
// sd_notify(3): "READY=1", "STATUS=...", "STOPPING=1",
// "EXTEND_TIMEOUT_USEC=...", several of them separated by newlines. Without
// NOTIFY_SOCKET in the environment it does nothing.
func Notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	return nil
}

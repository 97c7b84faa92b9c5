package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
)

// In native mode the listening descriptor itself goes into the container: it is
// handed over at each start.

// Native is that mode.
const Native = "native"

const (
	// handedFD is where edgeman-init puts the listener (SD_LISTEN_FDS_START).
	handedFD = "3"

	ownTries = 40 // asking Docker for a container that is just starting
	ownRetry = 50 * time.Millisecond

	acceptWait = probeMax        // for one look at a probe in the queue
	deafAfter  = 3 * time.Second // an app that starts slowly is not deaf yet
)

func (r *runner) native() bool { return r.release.Mode == Native }

// makeHandoff makes the directory that a native container mounts, which has to
// be there when it is created. Its parent keeps other users of the host out.
func (r *runner) makeHandoff() error {
	if !r.native() {
		return nil
	}
	dir := r.slot.handoffDir(r.name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// offer makes the listener available to the container that is about to start,
// once. It ends with ctx; wait for the returned channel before the next offer.
func (r *runner) offer(ctx context.Context, e Engine, id string) (<-chan struct{}, error) {
	if err := r.slot.Listener.SetBlocking(r.release.Blocking); err != nil {
		return nil, err
	}
	r.holds.Store(false)
	h, err := r.slot.Handoff(r.slot.handoffDir(r.name))
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer h.Close()
		_, err := h.Next(ctx, func(p sockets.Peer) error { return owned(ctx, e, id, p.PID) },
			func(p sockets.Peer, err error) {
				r.slot.Log("%s: process %d does not get the listener: %v", r.name, p.PID, err)
			})
		r.holds.Store(err == nil)
		if err != nil && ctx.Err() == nil {
			r.slot.Log("%s: %v", r.name, err)
			r.set(func(c *Condition) { c.Message = OneLine(err.Error()) })
		}
	}()
	return done, nil
}

// offerAgain is for a container that runs already. An earlier process gave it the
// listener, or was killed before it could: then it still waits for it.
func (r *runner) offerAgain(ctx context.Context, e Engine, id string, side *sync.WaitGroup) {
	if !r.native() {
		return
	}
	done, err := r.offer(ctx, e, id)
	r.holds.Store(true)
	if err != nil {
		r.slot.Log("%s: %v", r.name, err)
		return
	}
	side.Go(func() { <-done })
}

// owned refuses a process that is not the container's. One that is just
// starting can be quicker than Docker's own knowledge of it.
func owned(ctx context.Context, e Engine, id string, pid int) error {
	var err error
	for range ownTries {
		var is bool
		if is, err = e.Owns(ctx, id, pid); is {
			return nil
		}
		poll.Sleep(ctx, ownRetry)
	}
	return errors.Join(errors.New("it is none of the container's"), err)
}

// nativeProbe asks the app through the slot's socket, the only way to it. Which
// of several containers answers there is up to the kernel, so that each has to
// have taken the listener before its own question counts.
func (r *runner) nativeProbe(e Engine, c docker.Container) probe {
	accepts := r.acceptProbe()
	ask := accepts
	switch {
	case r.release.Health == state.HealthConnect:
	case r.release.Health != "":
		ask = httpProbe(healthRequest(r.release), func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", r.socket)
		})
	case c.Healthcheck != nil && !asksLocalhost(c.Healthcheck.Command):
		ask = execProbe(e, c.ID, *c.Healthcheck)
	case c.Healthcheck != nil:
		r.slot.Log("%s: the image's health check asks localhost, where nothing listens in native mode; asking the slot's socket instead", r.name)
	}
	return func(ctx context.Context) (string, bool) {
		if !r.holds.Load() {
			return "the container has not taken the listener yet", false
		}
		answer, ok := ask(ctx)
		if ok || time.Since(c.Started) < deafAfter || !r.listensItself(ctx, c) {
			return answer, ok
		}
		if _, accepted := accepts(ctx); accepted {
			return answer, false
		}
		return fmt.Sprintf("the container listens on %d by itself and never accepted from fd %s: use mode proxy", r.release.Port, handedFD), false
	}
}

// asksLocalhost recognises a health check that connects to the container
// itself, where a native app has no listener of its own.
func asksLocalhost(command []string) bool {
	text := strings.Join(command, " ")
	return slices.ContainsFunc([]string{"localhost", "127.0.0.", "[::1]", "0.0.0.0"}, func(s string) bool {
		return strings.Contains(text, s)
	})
}

// acceptPause is how long to wait between two looks at a connection that has
// waited in the queue for so long: an app that starts is noticed at once, and
// one that never accepts costs next to nothing.
func acceptPause(waited time.Duration) time.Duration {
	return min(max(waited/20, probeMin/5), acceptWait)
}

// acceptProbe is satisfied when the app takes a connection out of the queue. It
// uses one connection until then, or it would fill the queue.
func (r *runner) acceptProbe() probe {
	var conn *net.UnixConn
	var since time.Time
	return func(ctx context.Context) (string, bool) {
		if conn == nil {
			c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: r.socket, Net: "unix"})
			if err != nil {
				return "connect: " + err.Error(), false
			}
			conn, since = c, time.Now()
			context.AfterFunc(ctx, func() { c.Close() })
		}
		for begun := time.Now(); ; {
			taken, err := count.Accepted(conn)
			if err != nil {
				return err.Error(), false
			}
			if taken {
				conn.Close()
				conn = nil
				return "connect: accepted", true
			}
			pause := acceptPause(time.Since(since))
			if time.Since(begun)+pause > acceptWait || ctx.Err() != nil {
				return "connect: not accepted yet", false
			}
			poll.Sleep(ctx, pause)
		}
	}
}

// listensItself tells whether the app has a listener of its own in the container.
func (r *runner) listensItself(ctx context.Context, c docker.Container) bool {
	if r.release.Port == 0 {
		return false
	}
	t, err := r.slot.Reach(c, r.release)
	if err != nil {
		return false
	}
	defer t.Close()
	_, ok := dialProbe(t)(ctx)
	return ok
}

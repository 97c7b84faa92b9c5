package serve

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
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/relay"
)

// In native mode the listening descriptor itself goes into the container, and
// this process accepts nothing: it hands the descriptor over at each start,
// and watches what the app does to the socket that everybody shares.
const modeNative = "native"

const (
	// handedFD is where edgeman-init puts the listener (SD_LISTEN_FDS_START).
	handedFD = "3"
	// backlog is what is asked for again after an app has shrunk it; the kernel
	// caps it at net.core.somaxconn.
	backlog = 65535

	ownTries   = 40 // asking Docker for a container that is just starting
	ownRetry   = 50 * time.Millisecond
	acceptWait = probeMax         // for one look at a probe in the queue
	deafAfter  = 3 * time.Second  // an app that starts slowly is not deaf yet
	reviveWait = 30 * time.Second // for systemd to stop this process
)

// handoff is one offer of the listener to a container.
type handoff interface {
	Next(ctx context.Context, allow func(sockets.Peer) error, denied func(sockets.Peer, error)) (sockets.Peer, error)
	Close() error
}

func (r *runner) native() bool { return r.release.Mode == modeNative }

// nativeSpec changes a container's description so that it gets the listener.
// An app that wants the descriptor's number in an option finds it for {fd}.
func (r *runner) nativeSpec(s docker.Spec) docker.Spec {
	number := func(words []string) []string {
		out := slices.Clone(words)
		for i := range out {
			out[i] = strings.ReplaceAll(out[i], "{fd}", handedFD)
		}
		return out
	}
	s.Env, s.Command = number(s.Env), number(s.Command)
	s.Init = &docker.InitSpec{
		Program: r.host.initProgram, Dir: r.host.handoffDir(r.name),
		Args: []string{docker.HandoffPath + "/" + sockets.HandoffSocket},
	}
	return s
}

// makeHandoff makes the directory that a native container mounts, which has to
// be there when it is created. Its parent keeps other users of the host out.
func (r *runner) makeHandoff() error {
	if !r.native() {
		return nil
	}
	dir := r.host.handoffDir(r.name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// offer makes the listener available to the container that is about to start,
// once. It ends with ctx; wait for the returned channel before the next offer.
func (r *runner) offer(ctx context.Context, e engine, id string) (<-chan struct{}, error) {
	if err := r.host.listener.SetBlocking(r.release.Blocking); err != nil {
		return nil, err
	}
	r.holds.Store(false)
	h, err := r.host.handoff(r.host.handoffDir(r.name))
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer h.Close()
		_, err := h.Next(ctx, func(p sockets.Peer) error { return owned(ctx, e, id, p.PID) },
			func(p sockets.Peer, err error) {
				r.host.say("%s: process %d does not get the listener: %v", r.name, p.PID, err)
			})
		r.holds.Store(err == nil)
		if err != nil && ctx.Err() == nil {
			r.host.say("%s: %v", r.name, err)
			r.set(func(c *condition) { c.message = oneLine(err.Error()) })
		}
	}()
	return done, nil
}

// offerAgain is for a container that runs already. An earlier process gave it the
// listener, or was killed before it could: then it still waits for it.
func (r *runner) offerAgain(ctx context.Context, e engine, id string, side *sync.WaitGroup) {
	if !r.native() {
		return
	}
	done, err := r.offer(ctx, e, id)
	r.holds.Store(true)
	if err != nil {
		r.host.say("%s: %v", r.name, err)
		return
	}
	side.Go(func() { <-done })
}

// owned refuses a process that is not the container's. One that is just
// starting can be quicker than Docker's own knowledge of it.
func owned(ctx context.Context, e engine, id string, pid int) error {
	var err error
	for range ownTries {
		var is bool
		if is, err = e.Owns(ctx, id, pid); is {
			return nil
		}
		sleep(ctx, ownRetry)
	}
	return errors.Join(errors.New("it is none of the container's"), err)
}

// nativeProbe asks the app through the slot's socket, the only way to it. Which
// of several containers answers there is up to the kernel, so that each has to
// have taken the listener before its own question counts.
func (r *runner) nativeProbe(e engine, c docker.Container) probe {
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
		r.host.say("%s: the image's health check asks localhost, where nothing listens in native mode; asking the slot's socket instead", r.name)
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
			sleep(ctx, pause)
		}
	}
}

// listensItself tells whether the app has a listener of its own in the container.
func (r *runner) listensItself(ctx context.Context, c docker.Container) bool {
	if r.release.Port == 0 {
		return false
	}
	t, err := r.host.target(c, r.release)
	if err != nil {
		return false
	}
	defer t.Close()
	_, ok := dialProbe(t)(ctx)
	return ok
}

// tend looks after the listener. In native mode others hold it, too, and can
// shrink its queue or shut it down for everybody.
func (k *keeper) tend() error {
	l := k.host.listener
	if !l.Alive() {
		return relay.ErrDead
	}
	if k.release.Mode != modeNative {
		return nil
	}
	if k.release.Blocking && k.refuse == nil { // who accepts here needs it otherwise
		// Systemd makes the socket non-blocking whenever it starts this process.
		if err := l.SetBlocking(true); err != nil {
			k.host.say("%v", err)
		}
	}
	q, err := l.Queue()
	if err != nil {
		k.host.say("%v", err)
		return nil
	}
	k.backlog = max(k.backlog, q.Backlog)
	if q.Backlog >= k.backlog && k.backlog > 0 && k.relistened {
		return nil
	}
	// The first time finds out how much the kernel allows.
	if err := l.Relisten(backlog); err != nil {
		k.host.say("%v", err)
		return nil
	}
	if k.relistened {
		k.host.say("the app had shrunk the queue of %s to %d; it is long again", k.slot, q.Backlog)
	}
	k.relistened = true
	if q, err = l.Queue(); err == nil {
		k.backlog = q.Backlog
	}
	return nil
}

// revive replaces a listener that was shut down, or whose file was removed: only
// a new socket helps, and systemd makes it. It stops this service first, with its container, which
// would hold on to the dead one, and starts both again.
func (k *keeper) revive(ctx context.Context) (int, error) {
	k.host.say("the listening socket of %s was shut down by a process that holds it, or its file was removed; making a new one", k.slot)
	st := k.out.last
	st.Phase, st.Message = state.PhaseFailed, "the listening socket was shut down or removed; making a new one"
	k.out.publish(k.role, st)
	go func() {
		if err := k.host.restartUnit(context.WithoutCancel(ctx), k.slot.SocketUnit()); err != nil {
			k.host.say("%v", err)
		}
	}()
	select {
	case <-ctx.Done():
		return k.stop()
	case <-time.After(reviveWait):
		return exitBroken, fmt.Errorf("%s: %w", k.slot, relay.ErrDead)
	}
}

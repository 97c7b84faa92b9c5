package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// In native mode the listening descriptors themselves go into the container: they
// are handed over at each start.

// Native is that mode.
const Native = "native"

const (
	// handedFD is where edgeman-init puts the first listener (SD_LISTEN_FDS_START).
	handedFD = 3

	ownTries = 40 // asking Docker for a container that is just starting
	ownRetry = 50 * time.Millisecond
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

// offerHandoff makes the listeners available to the container that is about to start,
// once. It ends with ctx; wait for the returned channel before the next offer.
func (r *runner) offerHandoff(ctx context.Context, e Engine, id string) (<-chan struct{}, error) {
	if err := r.slot.SetBlocking(r.release.Blocking); err != nil {
		return nil, err
	}
	r.holds.Store(false)
	h, err := r.slot.Handoff(r.slot.handoffDir(r.name), state.ListenerNames(r.release.Listeners))
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer h.Close()
		_, err := h.Next(ctx, func(p sockets.Peer) error { return owned(ctx, e, id, p.PID) },
			func(p sockets.Peer, err error) {
				r.slot.Log("%s: process %d does not get the listeners: %v", r.name, p.PID, err)
			})
		r.holds.Store(err == nil)
		if err != nil && ctx.Err() == nil {
			r.slot.Log("%s: %v", r.name, err)
			r.set(func(c *Condition) { c.Message = OneLine(err.Error()) })
		}
	}()
	return done, nil
}

// offerHandoffAgain is for a container that runs already. An earlier process gave it the
// listeners, or was killed before it could: then it still waits for them.
func (r *runner) offerHandoffAgain(ctx context.Context, e Engine, id string, side *sync.WaitGroup) {
	if !r.native() {
		return
	}
	done, err := r.offerHandoff(ctx, e, id)
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

// listensItself tells whether the app has a listener of its own in the container,
// on the port of the slot's listener l.
func (r *runner) listensItself(ctx context.Context, c docker.Container, l state.Listener) bool {
	t, err := r.slot.Reach(c, r.release)
	if err != nil {
		return false
	}
	defer t.Close()
	_, ok := dialProbe(t, l.Name)(ctx)
	return ok
}

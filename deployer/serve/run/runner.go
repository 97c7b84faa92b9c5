package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

const (
	restartMin = 100 * time.Millisecond
	restartMax = 10 * time.Second
	outputWait = time.Second // for what a container that has ended said last
	// FatalExits is how often a new container may end, or fail to start: after
	// that it will not get well.
	FatalExits = 3

	restartReset = 10 * time.Second // a container that ran this long starts from restartMin again
)

// Condition is what is known about a container, or about those of a release
// together.
type Condition struct {
	state.Replica
	Silent string // why nothing comes back from it, as far as that can be told

	up carry.Upstream // nil while no container runs
}

// runner keeps one container of one release running: it attaches to it if it
// runs, starts it if it is stopped, creates it if it is missing, and starts it
// again with growing pauses when it ends by itself.
type runner struct {
	slot     *Containers
	release  state.Release
	name     string
	index    int           // among the release's containers
	first    *runner       // of the container at index 0; nil for that one itself
	patience time.Duration // an app that is not healthy by then gets traffic all the same
	known    state.Replica // what an earlier process knew
	output   *Output

	mu   sync.Mutex
	now  Condition
	life *life // nil while no container is attended

	asking sync.Mutex // held by who asks a silent container

	making sync.Mutex // the container; guards release.Settings

	holds atomic.Bool // the container has taken the listener, in native mode

	cancel context.CancelFunc
	done   chan struct{}
}

func (r *runner) condition() Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *runner) set(change func(*Condition)) {
	r.mu.Lock()
	change(&r.now)
	r.mu.Unlock()
	r.slot.Changed()
}

// begin runs until end.
func (r *runner) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	r.set(func(c *Condition) { c.Phase = state.PhaseStarting })
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
}

// end leaves the container as it is and stops looking after it. Its upstream
// can be used until free.
func (r *runner) end() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	<-r.done
	r.cancel = nil
}

// free gives up what reaching the container needed.
func (r *runner) free() {
	r.mu.Lock()
	up, _ := r.now.up.(Reachable)
	r.now.up = nil
	r.mu.Unlock()
	if up != nil {
		up.Close()
	}
}

func (r *runner) run(ctx context.Context) {
	wait := restartMin
	for ctx.Err() == nil {
		began := time.Now()
		err := r.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > restartReset {
			wait = restartMin
		}
		r.free()
		r.slot.heard(err)
		r.slot.Log("%s: %v; trying again in %s", r.name, err, wait)
		r.set(func(c *Condition) {
			c.Phase, c.Message = state.PhaseWaiting, OneLine(err.Error())
			if c.Failures >= FatalExits {
				c.Phase = state.PhaseFailed
			}
		})
		poll.Sleep(ctx, wait)
		wait = min(2*wait, restartMax)
	}
}

// once sees one life of the container from its start to its end, which is
// always an error.
func (r *runner) once(ctx context.Context) error {
	e, err := r.slot.Engine(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var side, copied sync.WaitGroup
	defer side.Wait()
	defer cancel()
	c, err := r.ensureRunning(ctx, e, &side)
	if err != nil {
		if !errors.Is(err, docker.ErrUnreachable) && ctx.Err() == nil {
			r.set(func(c *Condition) { c.Failures++ })
		}
		return err
	}
	copied.Go(func() { r.output.follow(ctx, e, c) })
	err = r.attend(ctx, e, c, &side)
	// What the container said last is worth a moment.
	last := time.AfterFunc(outputWait, cancel)
	copied.Wait()
	last.Stop()
	return err
}

// attend looks after the running container until it ends.
func (r *runner) attend(ctx context.Context, e Engine, c docker.Container, side *sync.WaitGroup) error {
	if !c.Running {
		return r.exited(c, c.ExitCode) // so soon
	}
	up, err := r.reach(c)
	if err != nil {
		if now, again := e.Inspect(ctx, c.ID); again == nil && !now.Running {
			return r.exited(now, now.ExitCode)
		}
		return err
	}
	healthy := r.known.Phase == state.PhaseHealthy && r.known.ContainerID == c.ID && r.known.Started.Equal(c.Started)
	r.slot.heard(nil)
	r.set(func(n *Condition) {
		n.up = up
		n.ContainerID, n.Started, n.Message, n.Failures, n.Silent = c.ID, c.Started, "", 0, ""
		n.Phase = state.PhaseStarting
		if healthy {
			n.Phase = state.PhaseHealthy
		}
	})
	ask := r.probe(e, c, up)
	if r.native() {
		ask = r.nativeProbe(e, c)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	r.setLife(&life{ctx, end, e, c, ask})
	defer r.setLife(nil)
	if !healthy {
		side.Go(func() { r.watchHealth(ctx, ask) })
	}
	if !r.native() { // there the app takes connections in by itself
		side.Go(func() { r.watchForeignStop(ctx, e, c, ask) })
	}
	err = r.awaitExit(ctx, e, c)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause // it was given up
	}
	return err
}

func (r *runner) setLife(l *life) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = l
}

// reach opens the way to the app; in native mode there is none but the slot's
// own socket.
func (r *runner) reach(c docker.Container) (Reachable, error) {
	if r.native() {
		return nil, nil
	}
	return r.slot.Reach(c, r.release)
}

// awaitExit returns when the container has ended. While Docker is away the
// container may well go on, and so does everything that flows.
func (r *runner) awaitExit(ctx context.Context, e Engine, c docker.Container) error {
	for wait := restartMin; ; wait = min(2*wait, restartMax/2) {
		code, err := e.Wait(ctx, c.ID)
		if err == nil {
			if now, err := e.Inspect(ctx, c.ID); err == nil {
				c = now // for why
			}
			return r.exited(c, code)
		}
		if ctx.Err() != nil || errors.Is(err, docker.ErrNotFound) {
			return err
		}
		r.slot.heard(err)
		r.set(func(n *Condition) { n.Message = OneLine(err.Error()) })
		poll.Sleep(ctx, wait)
		now, err := e.Inspect(ctx, c.ID)
		switch {
		case err == nil && now.Running && now.Started.Equal(c.Started):
			r.slot.heard(nil)
			r.set(func(n *Condition) { n.Message = "" })
		case err == nil && !now.Running:
			return r.exited(now, now.ExitCode)
		case err == nil:
			return errors.New("container was restarted by somebody else")
		case errors.Is(err, docker.ErrNotFound):
			return err
		}
	}
}

// exited counts an end that nobody asked for.
func (r *runner) exited(c docker.Container, code int) error {
	r.set(func(n *Condition) {
		n.Exits++
		n.ExitCode = code
	})
	if c.OOMKilled {
		return fmt.Errorf("container ended by itself with exit code %d, out of memory", code)
	}
	return fmt.Errorf("container ended by itself with exit code %d", code)
}

// socket is the path of the slot's socket of that name.
func (r *runner) socket(listener string) string {
	return sockets.SocketPath(r.slot.Slot.SocketDir(r.slot.Paths.Run), listener)
}

// Package run keeps the containers of one slot: it creates, starts and stops them,
// starts them again when they end, asks whether they are healthy and copies what
// they print. What a slot is to run and when is decided elsewhere; this package
// reads the slot's links only to tell its containers from leftovers, and writes
// none.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Engine is what a slot asks of Docker.
type Engine interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	List(ctx context.Context, labels map[string]string, all bool) ([]docker.Container, error)
	Hold(ctx context.Context, of docker.Container, spec docker.HoldSpec) error
	Create(ctx context.Context, spec docker.Spec) (id string, err error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Remove(ctx context.Context, id string) error
	Pause(ctx context.Context, id string) error
	Unpause(ctx context.Context, id string) error
	Owns(ctx context.Context, id string, pid int) (bool, error)
	Wait(ctx context.Context, id string) (code int, err error)
	AwaitStop(ctx context.Context, id string) error
	Exec(ctx context.Context, id string, cmd []string) (code int, output string, err error)
	Tail(ctx context.Context, id string, n int) (string, error)
	OtherPorts(ctx context.Context, nameOrID string, ports []uint16) (locate.Elsewhere, error)
	Logs(ctx context.Context, id string, since time.Time, follow bool, stdout, stderr io.Writer) error
}

// LazyEngine connects to Docker when it is first needed: a slot must come up,
// and say what is wrong, on a host whose Docker is down.
func LazyEngine() func(context.Context) (Engine, error) {
	var mu sync.Mutex
	var client *docker.Client
	return func(ctx context.Context) (Engine, error) {
		mu.Lock()
		defer mu.Unlock()
		if client != nil {
			return client, nil
		}
		c, err := docker.Open(ctx)
		if err != nil {
			return nil, err
		}
		client = c
		return c, nil
	}
}

// Reachable is an upstream that holds something while its container runs.
type Reachable interface {
	carry.Upstream
	io.Closer
}

// Reach finds out how to reach the release's app in c, for each of its listeners.
// source is the peer address that an app reached through its own namespace sees.
func Reach(c docker.Container, r state.Release, source netip.Addr) (Reachable, error) {
	addrs := map[string][]netip.AddrPort{}
	for _, l := range r.Listeners {
		if addrs[l.Name] = c.Destinations(l.Port); len(addrs[l.Name]) == 0 {
			return nil, fmt.Errorf("container %s has no address to reach it at", c.Name)
		}
	}
	namespace := c.SandboxKey
	if r.Via == "bridge" || c.NetworkMode == "host" {
		namespace = ""
	}
	return carry.NewTarget(addrs, namespace, source)
}

// Handoff is one offer of the slot's listeners to a container.
type Handoff interface {
	Next(ctx context.Context, allow func(sockets.Peer) error, denied func(sockets.Peer, error)) (sockets.Peer, error)
	Close() error
}

// Containers are those of one slot, and all that is done to them.
type Containers struct {
	Slot        sockets.Slot
	Paths       state.Paths
	Engine      func(ctx context.Context) (Engine, error)
	SetBlocking func(on bool) error // of the slot's listeners
	Reach       func(docker.Container, state.Release) (Reachable, error)
	Handoff     func(dir string, names []string) (Handoff, error) // of the slot's listeners, in that order
	InitProgram string                                            // edgeman-init, for native mode
	Output      *Output
	Known       state.SlotStatus                 // what an earlier process knew
	Notify      func(state string) error         // systemd
	Log         func(format string, args ...any) // one line for the journal
	Changed     func()                           // told after every change

	Frozen        atomic.Bool // native containers' processes are to stand still
	ThroughSocket atomic.Bool // probes go through the slot's own socket
	NoDocker      atomic.Bool // the last call to Docker found no daemon

	sweeping  sync.Mutex           // one at a time, or two would remove the same leftover
	questions map[string]*question // that Docker has not answered yet
}

// With makes one call to Docker, with a deadline of its own.
func (s *Containers) With(ctx context.Context, call func(context.Context, Engine) error) error {
	return limited(ctx, callLimit, func(ctx context.Context) error {
		e, err := s.Engine(ctx)
		if err == nil {
			err = call(ctx, e)
		}
		s.heard(err)
		return err
	})
}

// heard notes whether a call to Docker found a daemon.
func (s *Containers) heard(err error) { s.NoDocker.Store(errors.Is(err, docker.ErrUnreachable)) }

func (s *Containers) handoffDir(container string) string {
	return filepath.Join(s.Paths.Handoffs(), container)
}

// limited gives one call to Docker a deadline of its own.
func limited(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}

const (
	callLimit = 60 * time.Second // for a call to Docker that does not wait for an app
	askLimit  = 10 * time.Second
	stopSlack = 15 * time.Second // more than the app's own stop timeout
)

// Whoever decides must not wait for a Docker that hangs: it would see neither the
// end of a pause nor its command. What it wants to know is asked in the background,
// and until the answer is there it does as if Docker could not tell.

// answerWait is for how long to wait for an answer; most take milliseconds.
const answerWait = 250 * time.Millisecond

// ErrNoAnswer says so.
var ErrNoAnswer = errors.New("docker has not answered yet")

// question is one that was asked and not answered yet.
type question struct {
	answer chan answer
	left   atomic.Bool // nobody waits for the answer any more
}

type answer struct {
	found []docker.Container
	err   error
}

// ask waits a moment for the answer that get gives. One that takes longer is
// that of the next call of this name, and told by Changed.
func (s *Containers) ask(ctx context.Context, name string, get func(context.Context, Engine) ([]docker.Container, error)) ([]docker.Container, error) {
	q := s.questions[name]
	if q == nil {
		q = &question{answer: make(chan answer, 1)}
		if s.questions == nil {
			s.questions = map[string]*question{}
		}
		s.questions[name] = q
		go func() {
			var a answer
			a.err = s.With(ctx, func(ctx context.Context, e Engine) (err error) {
				a.found, err = get(ctx, e)
				return err
			})
			q.answer <- a
			if q.left.Load() {
				s.Changed()
			}
		}()
	}
	select {
	case a := <-q.answer:
		delete(s.questions, name)
		return a.found, a.err
	case <-time.After(answerWait):
	}
	q.left.Store(true)
	select {
	case a := <-q.answer: // in the last moment, before it was known that nobody waits
		delete(s.questions, name)
		return a.found, a.err
	default:
		return nil, ErrNoAnswer
	}
}

// Inspect describes the container with that name or id.
func (s *Containers) Inspect(ctx context.Context, name string) (docker.Container, error) {
	found, err := s.ask(ctx, "inspect "+name, func(ctx context.Context, e Engine) ([]docker.Container, error) {
		c, err := e.Inspect(ctx, name)
		return []docker.Container{c}, err
	})
	if err != nil {
		return docker.Container{}, err
	}
	return found[0], nil
}

// InOther lists the containers of the app's other slot.
func (s *Containers) InOther(ctx context.Context) ([]docker.Container, error) {
	other := s.Slot.Other()
	return s.ask(ctx, "list", func(ctx context.Context, e Engine) ([]docker.Container, error) {
		return e.List(ctx, map[string]string{label.App: other.App, label.Slot: other.Color}, true)
	})
}

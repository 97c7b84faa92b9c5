package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/count"
	"edgeman/sockets/systemd"
)

// engine is what a slot asks of Docker.
type engine interface {
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
	OtherPorts(ctx context.Context, nameOrID string, port uint16) (locate.Elsewhere, error)
	Logs(ctx context.Context, id string, since time.Time, follow bool, stdout, stderr io.Writer) error
}

// reachable is an upstream that holds something while its container runs.
type reachable interface {
	upstream
	io.Closer
}

// host is everything a slot touches outside of its own directories.
type host struct {
	engine      func(ctx context.Context) (engine, error)
	listener    listener
	count       func(path string) (count.Connections, error)
	target      func(docker.Container, state.Release) (reachable, error)
	notify      func(state string) error
	stopUnit    func(ctx context.Context, unit string) error
	stopAlone   func(ctx context.Context, unit string) error // and nothing that depends on it
	restartUnit func(ctx context.Context, unit string) error
	touched     func(path string) (bool, error) // whether anybody connected since the last call
	openSlot    func(ctx context.Context, slot sockets.Slot, fill func() error) error
	handoff     func(dir string) (handoff, error) // of the slot's listener
	run         string                            // the directory of sockets and status
	initProgram string                            // edgeman-init, for native mode
	say         func(format string, args ...any)  // one line for the journal

	sweeping sync.Mutex // one at a time, or two would remove the same leftover
}

// lazyEngine connects to Docker when it is first needed: a slot must come up,
// and say what is wrong, on a host whose Docker is down.
func lazyEngine() func(context.Context) (engine, error) {
	var mu sync.Mutex
	var client *docker.Client
	return func(ctx context.Context) (engine, error) {
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

// stopSocket asks systemd to stop the slot's socket and does not wait for it:
// with the socket systemd stops this process, too.
func stopSocket(ctx context.Context, unit string) error {
	return withUnits(ctx, unitLimit, func(ctx context.Context, u *systemd.Units) error { return u.StopNoWait(ctx, unit) })
}

// stopDeadSocket stops the slot's socket and leaves this process alone.
func stopDeadSocket(ctx context.Context, unit string) error {
	return withUnits(ctx, unitLimit, func(ctx context.Context, u *systemd.Units) error { return u.StopAlone(ctx, unit) })
}

// restartSocket makes systemd replace the slot's socket by a new one.
func restartSocket(ctx context.Context, unit string) error {
	return withUnits(ctx, reviveWait, func(ctx context.Context, u *systemd.Units) error { return u.Restart(ctx, unit) })
}

func withUnits(ctx context.Context, d time.Duration, do func(context.Context, *systemd.Units) error) error {
	return limited(ctx, d, func(ctx context.Context) error {
		units, err := systemd.Open(ctx)
		if err != nil {
			return err
		}
		defer units.Close()
		return do(ctx, units)
	})
}

// openSlot starts the units of a slot that nothing runs for, once it is filled,
// and returns when its socket listens.
func openSlot(ctx context.Context, slot sockets.Slot, fill func() error) error {
	units, err := systemd.Open(ctx)
	if err != nil {
		return err
	}
	defer units.Close()
	for _, unit := range []string{slot.ServiceUnit(), slot.SocketUnit()} {
		st, err := units.State(ctx, unit)
		if err != nil {
			return err
		}
		if st.Active != "inactive" && st.Active != "failed" {
			return fmt.Errorf("%s is still %s", unit, st.Active)
		}
	}
	if err := fill(); err != nil {
		return err
	}
	if err := units.Start(ctx, slot.SocketUnit()); err != nil {
		return err
	}
	return units.StartNoWait(ctx, slot.ServiceUnit())
}

// limited gives one call to Docker a deadline of its own.
func limited(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}

// stoppedBy is when containers that are stopped now will have ended, as far as
// Docker tells.
func (h *host) stoppedBy(ctx context.Context, names []string) time.Time {
	longest := time.Duration(0)
	_ = limited(ctx, unitLimit, func(ctx context.Context) error {
		e, err := h.engine(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if c, err := e.Inspect(ctx, name); err == nil {
				longest = max(longest, c.Grace())
			}
		}
		return nil
	})
	return time.Now().Add(longest + stopSlack)
}

// sweep stops and removes the slot's containers but those to keep.
func (h *host) sweep(ctx context.Context, e engine, slot sockets.Slot, keep func(name string) bool) error {
	h.sweeping.Lock()
	defer h.sweeping.Unlock()
	found, err := e.List(ctx, map[string]string{labelApp: slot.App, labelSlot: slot.Color}, true)
	if err != nil {
		return err
	}
	var gone []string
	for _, c := range found {
		if !keep(c.Name) {
			gone = append(gone, c.Name)
		}
	}
	return each(gone, func(name string) error {
		h.say("removing container %s", name)
		return errors.Join(h.stopContainer(ctx, name), h.removeContainer(ctx, name))
	})
}

func (h *host) handoffDir(container string) string {
	return filepath.Join(state.Paths{Run: h.run}.Handoffs(), container)
}

const (
	callLimit = 60 * time.Second // for a call to Docker that does not wait for an app
	unitLimit = 10 * time.Second
	stopSlack = 15 * time.Second // more than the app's own stop timeout
)

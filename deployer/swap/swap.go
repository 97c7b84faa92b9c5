// Package swap puts another container behind an app's upstream: swap, restart
// and rollback are one run of the same steps. A release that does not become
// healthy never gets a request.
package swap

import (
	"cmp"
	"context"
	"errors"
	"time"

	"edgeman/deployer/data"
	"edgeman/deployer/declared"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/patience"
	"edgeman/deployer/program"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Host is what a swap touches.
type Host struct {
	*slots.Host
	Docker   Docker
	Data     *data.Host
	Patience *patience.Host
	Program  *program.Host
	Site     *site.Host // for a reload during the drain
	Declared *declared.Host
}

// Docker are the calls on the Docker daemon that a swap needs beyond a slot's.
type Docker interface {
	images.Images
	images.Puller
	RemoveImage(ctx context.Context, id string) (removed bool, err error)
}

// swap is one run of Swap, Restart or Rollback: what its steps share.
type swap struct {
	*Host
	Options // with the app's Drain and Timeout where none were given

	app     state.App
	lock    *state.Lock
	op      state.Operation
	started time.Time

	old     sockets.Slot  // live when the run began
	idle    sockets.Slot  // the other one
	current state.Release // that of old
	next    state.Release
	beside  []string    // why next must not run beside current
	asked   bool        // a registry was, for the image
	fresh   bool        // next was recorded by this run
	over    bool        // next serves: nothing is undone any more
	unkept  error       // why the app file does not have the mode that next runs in
	terms   state.Drain // of the old slot, once they are stated

	// What became of it, for the result and the record.
	how                string        // the strategy that is carried out; empty before
	ready              time.Duration // what it took until next was healthy
	ended              state.Ended   // the old release's connections
	draining           bool          // the old slot is left to itself
	interrupted        bool          // by a signal, after the switch
	stopTook, bootTook float64       // seconds; 0 when not known
}

// Swap runs a new container behind the app's upstream and retires the old one.
// It returns after the old slot has drained, unless o.Detach is set. On failure
// users noticed nothing: the old release goes on serving.
func (h *Host) Swap(ctx context.Context, o Options) (Result, error) {
	named := o.Image != ""
	if !named {
		if err := h.declare(ctx, &o); err != nil {
			return Result{}, err
		}
	}
	s, err := h.planSwap(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer func() { s.lock.Unlock() }()
	again, image, err := h.obtain(ctx, s, o)
	if again == nil {
		return s.result(), err
	}
	s = again
	if err == nil && !named {
		var same bool
		if same, err = s.unchanged(ctx, image); same {
			return s.nothingNew(), nil
		}
	}
	if err == nil {
		err = s.prepare(ctx, image)
	}
	if err != nil {
		return s.fail(ctx, err)
	}
	r, err := s.run(ctx)
	if err == nil {
		h.sayElsewhere(o.App)
	}
	if err == nil && named {
		h.sayDefinition(ctx, o.App, s.next.Image)
	}
	return r, err
}

// obtain finds the image, or pulls it. What is gone on with is another run then: the
// app may have changed meanwhile; it is nil if the app's lock could not be had again.
func (h *Host) obtain(ctx context.Context, s *swap, o Options) (again *swap, image images.Local, err error) {
	image, there, err := s.image(ctx)
	if err != nil || there {
		return s, image, err
	}
	s.lock.Unlock() // nobody has to wait for a registry
	image, err = s.pull(ctx)
	again, locked := h.planSwap(ctx, o)
	if locked != nil {
		return nil, image, errors.Join(err, locked)
	}
	again.started, again.asked = s.started, true
	if o.Image == "" && err == nil {
		err = again.refuseOther(s.current)
	}
	return again, image, err
}

// Restart runs the live release again, by the same rules as a swap: the record
// stays the same, so a changed app file does not take effect.
func (h *Host) Restart(ctx context.Context, o Options) (Result, error) {
	s, err := h.begin(ctx, "restart", o)
	if err != nil {
		return Result{}, err
	}
	defer s.lock.Unlock()
	if err := s.again(ctx, s.current); err != nil {
		return Result{}, err
	}
	if err := s.weighWait(ctx); err != nil {
		return Result{}, err
	}
	if err := errors.Join(s.Program.NeedInit(s.next.Mode, false), data.RefuseGone(s.next)); err != nil {
		return Result{}, err
	}
	s.sayNotTaken()
	return s.run(ctx)
}

// again makes an existing release the one to run, as it was recorded, but with
// all volumes that the app has by now.
func (s *swap) again(ctx context.Context, r state.Release) error {
	s.next = r
	s.op.Release, s.op.From = r.Number, s.current.Number
	if err := s.shareVolumes(); err != nil {
		return err
	}
	s.beside = s.next.StopFirst
	if s.sameContainer() {
		return nil
	}
	live, err := s.Data.JudgeReplaced(ctx, s.app, s.old, s.current, s.Allow)
	if err == nil {
		s.sayLost(live)
	}
	return err
}

// sameContainer tells a restart that stops and starts the container that is
// there: what somebody has changed on it stays.
func (s *swap) sameContainer() bool {
	strategy, _ := s.strategy()
	return s.next.Number == s.current.Number && strategy == state.StopFirst && !(s.Renew && s.current.Mode == "native")
}

// begin takes the lock and finds out where the app stands.
func (h *Host) begin(ctx context.Context, operation string, o Options) (*swap, error) {
	app, err := h.Paths.ReadApp(o.App)
	if err != nil {
		return nil, err
	}
	lock, err := h.TakeLock(ctx, o.App, operation)
	if err != nil {
		return nil, err
	}
	s := &swap{Host: h, Options: o, app: app, lock: lock, started: time.Now()}
	s.op = state.Operation{Name: operation, Started: s.started}
	if err := s.locate(ctx); err != nil {
		lock.Unlock()
		return nil, err
	}
	s.app.Strategy = cmp.Or(o.Strategy, s.app.Strategy)
	s.Drain = cmp.Or(o.Drain, time.Duration(s.app.Drain.Timeout))
	s.Timeout = cmp.Or(o.Timeout, time.Duration(s.app.Start.Timeout))
	return s, nil
}

// locate finishes what an interrupted command has left, and reads the app, its
// live pointer and the release behind that.
func (s *swap) locate(ctx context.Context) error {
	err := s.Resume(ctx, s.app)
	if err != nil {
		return err
	}
	if s.app, err = s.Paths.ReadApp(s.App); err != nil { // that may have changed it
		return err
	}
	live, current, filled, err := slots.Served(s.Paths, s.App)
	switch {
	case err != nil:
		return err
	case live == sockets.Slot{}:
		return slots.NoLiveSlot(s.App)
	case !filled:
		return hint.With(outcome.Refuse("the live slot %s is empty", live), "edgeman repair %s", s.App)
	}
	s.old, s.idle, s.current = live, live.Other(), current
	return s.refusePaused()
}

// refusePaused refuses an app that somebody has paused on purpose.
func (s *swap) refusePaused() error {
	pause, on, err := s.Paths.ReadPause(s.old)
	if err == nil && on && pause.Reason == state.PauseAsked {
		return hint.With(outcome.Refuse("%s is paused until %s", s.App, words.Clock(pause.Until)), "edgeman resume %s", s.App)
	}
	return err
}

// run replaces s.current by s.next with the strategy that the app allows.
func (s *swap) run(ctx context.Context) (Result, error) {
	strategy, why := s.strategy()
	if why != "" {
		s.Note("strategy %s: %s", strategy, why)
	}
	if s.current.Mode == "native" && s.app.Drain.Websockets.Close {
		s.Note("websockets of release %d go on until the drain deadline: in native mode the app itself holds its connections", s.current.Number)
	}
	s.how = strategy
	replace := s.overlap
	if strategy == state.StopFirst {
		replace = s.stopFirst
	}
	if err := replace(ctx); err != nil {
		return s.fail(ctx, err)
	}
	return s.finish(ctx)
}

// The steps of a run, as they are journalled. Up to stepSwitch a run is undone
// when it is interrupted, and from there on completed; what is left of one that
// stops first, the slots' services decide.
const (
	stepStart  = "start"
	stepSwitch = "switch"
	stepDrain  = "drain"
	stepAwait  = "await"
)

// do carries the steps of a run out.
func (s *swap) do(ctx context.Context, all []steps.Step) error {
	return steps.Run(ctx, func(name string) error {
		s.op.Step = name
		return s.Paths.BeginStep(s.app.Name, s.op)
	}, all)
}

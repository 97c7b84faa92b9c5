package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// swap is one run of Swap, Restart or Rollback: what its steps share.
type swap struct {
	*Host
	app     state.App
	lock    *state.Lock
	op      state.Operation
	started time.Time

	old     sockets.Slot  // live when the run began
	current state.Release // its release
	next    state.Release
	beside  []string      // why next must not run beside current
	ready   time.Duration // what it took until next was healthy
	fresh   bool          // next was recorded by this run
	over    bool          // next serves: nothing is undone any more
	unkept  error         // why the app file does not have the mode that next runs in
	renew   bool          // move the slot's service to this program, too
	drain   time.Duration
	timeout time.Duration
	terms   state.Drain // of the old slot, once they are stated
	detach  bool
	cut     bool
	letWait bool     // longer than nginx does
	allow   []string // codes of refusals

	stopTook, bootTook float64 // seconds, for the record; 0 when not known
}

// Swap runs a new container behind the app's upstream and retires the old one.
// It returns after the old slot has drained, unless o.Detach is set. On failure
// users noticed nothing: the old release goes on serving.
func (h *Host) Swap(ctx context.Context, o SwapOptions) (SwapResult, error) {
	s, err := h.planSwap(ctx, o)
	if err != nil {
		return SwapResult{}, err
	}
	defer func() { s.lock.Unlock() }()
	image, there, err := s.image(ctx, o)
	if err == nil && !there {
		s.lock.Unlock() // nobody has to wait for a registry
		image, err = s.pull(ctx, o.Image)
		again, locked := h.planSwap(ctx, o)
		if locked != nil {
			return s.result(""), errors.Join(err, locked)
		}
		again.started = s.started
		s = again
	}
	if err == nil {
		s.sayImage(image, !there)
		err = s.prepare(ctx, image)
	}
	if err != nil {
		return s.fail(ctx, s.result(""), err)
	}
	return s.run(ctx)
}

// Restart runs the live release again, by the same rules as a swap: the record
// stays the same, so a changed app file does not take effect.
func (h *Host) Restart(ctx context.Context, o SwapOptions) (SwapResult, error) {
	s, err := h.beginSwap(ctx, o.App, "restart", o.Drain, o.Timeout)
	if err != nil {
		return SwapResult{}, err
	}
	defer s.lock.Unlock()
	s.detach, s.cut, s.renew, s.allow = o.Detach, o.Cut, o.Renew, o.Allow
	if o.Strategy != "" {
		s.app.Strategy = o.Strategy
	}
	s.letWait = o.LetWait
	if err := s.again(ctx, s.current); err != nil {
		return SwapResult{}, err
	}
	if err := s.weighWait(ctx); err != nil {
		return SwapResult{}, err
	}
	if err := errors.Join(s.needInit(s.next.Mode, false), refuseGone(s.next)); err != nil {
		return SwapResult{}, err
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
	s.beside = s.next.Recreate
	if s.sameContainer() {
		return nil
	}
	live, err := s.judgeReplaced(ctx, s.app, s.old, s.current, s.allow)
	if err == nil {
		s.sayLost(live)
	}
	return err
}

// sameContainer tells a restart that stops and starts the container that is
// there: what somebody has changed on it stays.
func (s *swap) sameContainer() bool {
	strategy, _ := s.strategy()
	return s.next.Number == s.current.Number && strategy == "recreate" && !(s.renew && s.current.Mode == "native")
}

// beginSwap takes the lock and finds out where the app stands.
func (h *Host) beginSwap(ctx context.Context, name, operation string, drain, timeout time.Duration) (*swap, error) {
	app, err := h.Paths.ReadApp(name)
	if err != nil {
		return nil, err
	}
	lock, err := h.takeLock(ctx, name, operation)
	if err != nil {
		return nil, err
	}
	s := &swap{Host: h, app: app, lock: lock, started: time.Now()}
	s.op = state.Operation{Name: operation, Started: s.started}
	s.drain, s.timeout = time.Duration(app.Drain.Timeout), time.Duration(app.Start.Timeout)
	if drain > 0 {
		s.drain = drain
	}
	if timeout > 0 {
		s.timeout = timeout
	}
	if err := h.resume(ctx, app); err != nil {
		lock.Unlock()
		return nil, err
	}
	if s.app, err = h.Paths.ReadApp(name); err != nil { // that may have changed it
		lock.Unlock()
		return nil, err
	}
	if err := s.locate(); err != nil {
		lock.Unlock()
		return nil, err
	}
	if err := s.refusePaused(); err != nil {
		lock.Unlock()
		return nil, err
	}
	return s, nil
}

// refusePaused leaves an app alone that somebody holds still on purpose.
func (s *swap) refusePaused() error {
	pause, on, err := s.Paths.ReadPause(s.old)
	if err == nil && on && pause.Reason == state.PauseAsked {
		return refuse("%s is paused until %s\nhint: edgeman resume %s", s.app.Name, state.Clock(pause.Until), s.app.Name)
	}
	return err
}

// locate reads the live pointer and the release behind it.
func (s *swap) locate() error {
	live, current, filled, err := s.served(s.app.Name)
	switch {
	case err != nil:
		return err
	case live == sockets.Slot{}:
		return noLiveSlot(s.app.Name)
	case !filled:
		return refuse("the live slot %s is empty\nhint: edgeman repair %s", live, s.app.Name)
	}
	s.old, s.current = live, current
	return nil
}

// run replaces s.current by s.next with the strategy that the app allows.
func (s *swap) run(ctx context.Context) (SwapResult, error) {
	strategy, why := s.strategy()
	if why != "" {
		s.note("strategy %s: %s", strategy, why)
	}
	if s.current.Mode == "native" && s.app.Drain.Websockets.Close {
		s.note("websockets of release %d go on until the drain deadline: in native mode the app itself holds its connections", s.current.Number)
	}
	result := s.result(strategy)
	replace := s.overlap
	if strategy == "recreate" {
		replace = s.recreate
	}
	if err := replace(ctx, &result); err != nil {
		return s.fail(ctx, result, err)
	}
	return s.finish(ctx, result)
}

// result is what is known of a run before it has replaced anything.
func (s *swap) result(strategy string) SwapResult {
	return SwapResult{
		App: s.app.Name, Strategy: strategy, Slot: s.old.String(), Release: s.next.Number, Image: s.next.Image,
		Digest: s.next.Digest, From: s.current.Number, Previous: s.current.Image,
		Same: s.op.Name == "swap" && s.next.ImageID == s.current.ImageID,
	}
}

// overlap fills the idle slot, switches to it when it is healthy, and lets the
// old one drain.
func (s *swap) overlap(ctx context.Context, result *SwapResult) error {
	idle := s.old.Other()
	if err := s.makeRoom(ctx, idle); err != nil {
		return err
	}
	s.op.Slot = idle.String()
	if err := s.begin("start"); err != nil {
		return err
	}
	took, err := s.startSlot(ctx, idle, s.next)
	if err != nil {
		return err
	}
	s.ready, s.bootTook = took, state.Seconds(took)
	s.step("start", "release %d on %s healthy after %s", s.next.Number, idle.Color, seconds(took))
	before, err := s.switchOrAbandon(ctx, idle)
	if err != nil {
		return err
	}
	s.step("switch", "live → %s", idle.Color)
	result.Slot = idle.String()
	if s.detach {
		result.Draining = true
		s.step("drain", "%s: %s, at most %s, by itself", s.old.Color, state.Plural(before, "connection"), state.Length(s.drain))
		return nil
	}
	ended, err := s.awaitDrain(ctx, s.old, before)
	result.setEnded(ended)
	return err
}

// switchOrAbandon is switchTo for a slot that this run has filled: it is emptied
// again unless it became live.
func (s *swap) switchOrAbandon(ctx context.Context, idle sockets.Slot) (int, error) {
	before, err := s.switchTo(ctx, idle)
	if err != nil && !s.over {
		err = errors.Join(err, s.abandon(ctx, idle))
	}
	return before, err
}

// switchTo makes idle live in one rename and returns how many connections the
// old slot has left. The drain terms are stated first: whenever the old slot's
// service notices the switch, it finds them.
func (s *swap) switchTo(ctx context.Context, idle sockets.Slot) (int, error) {
	if err := s.begin("switch"); err != nil {
		return 0, err
	}
	now := time.Now()
	s.terms = s.app.DrainTerms(now, s.drain)
	if s.app.KeepWarm > 0 {
		s.terms.WarmUntil = now.Add(time.Duration(s.app.KeepWarm))
		s.terms.Deadline = s.terms.WarmUntil.Add(s.drain)
	}
	err := s.point(ctx, s.old, s.next.Number, s.terms, func() error {
		s.over = true
		s.keepMode()
		return nil
	})
	if err != nil {
		return 0, err
	}
	count, err := sockets.Connections(s.old.SocketPath(s.Paths.Run))
	if err != nil {
		return 0, err
	}
	if err := s.begin("drain"); err != nil {
		return 0, err
	}
	return count.Total(), s.lock.Candidate(sockets.Slot{})
}

// point makes the slot beside old, filled with release number, live in one
// rename, after the terms of old's end are stated, and does what belongs to it in
// the same moment.
func (h *Host) point(ctx context.Context, old sockets.Slot, number int, terms state.Drain, then func() error) error {
	idle := old.Other()
	return h.Paths.WithState(ctx, old.App, func() error {
		live, _, err := sockets.ReadLive(h.Paths.Live(old.App))
		if err != nil {
			return err
		}
		if live != old {
			return fmt.Errorf("the live slot changed to %s meanwhile", live)
		}
		// Whoever empties a slot holds this lock, so what is filled here stays.
		if r, filled, err := h.Paths.SlotRelease(idle); err != nil {
			return err
		} else if !filled || r.Number != number {
			return fmt.Errorf("%s no longer runs release %d", idle, number)
		}
		if err := h.Paths.SetDrain(old, terms); err != nil {
			return err
		}
		if err := sockets.SwitchLive(h.Paths.Live(old.App), h.Paths.Run, idle); err != nil {
			return err
		}
		return then()
	})
}

// keepMode makes the mode that was asked for that of the app file, at the moment
// from which the release serves. The next swap would go back otherwise.
func (s *swap) keepMode() {
	if s.op.Mode == "" {
		return
	}
	if s.unkept = s.Paths.SetMode(s.app.Name, s.op.Mode); s.unkept == nil {
		s.op.Mode = ""
	}
}

// begin journals that a step is about to happen.
func (s *swap) begin(step string) error {
	s.op.Step = step
	return s.Paths.BeginStep(s.app.Name, s.op)
}

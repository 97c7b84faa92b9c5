package adopt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// takeover is one run of adopt for one app.
type takeover struct {
	*Host
	candidate
	o       Options
	app     state.App
	slot    sockets.Slot
	lock    *state.Lock
	op      state.Operation
	record  adoption.Record
	release state.Release
	started time.Time
	drain   time.Duration
	timeout time.Duration
	ended   state.Ended // what became of the connections to the old containers

	stopTook, bootTook time.Duration // of the old containers, and of the new ones
}

// adopt carries one candidate out.
func (h *Host) adopt(ctx context.Context, o Options, c candidate) error {
	t := h.newTakeover(o, c)
	if err := t.app.Validate(); err != nil {
		return &outcome.UsageError{Err: err}
	}
	if err := t.rehearse(ctx); err != nil { // before anything is there that would have to go again
		return err
	}
	if err := h.Paths.MakeApp(c.name); err != nil {
		return err
	}
	lock, err := h.TakeLock(ctx, c.name, "adopt")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	t.lock = lock
	if err := t.stillFree(); err != nil {
		return err
	}
	if err := steps.Run(ctx, t.begin, t.steps()); err != nil {
		return t.failed(err)
	}
	if err := t.settle(""); err != nil {
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("%s is adopted, but that could not be recorded: %w", c.name, err), "edgeman repair %s", c.name)}
	}
	if !o.JSON { // stdout is the object's
		fmt.Fprintf(h.Out, "%s adopted.  undo: edgeman unadopt %s\n", c.name, c.name)
	}
	return nil
}

func (h *Host) newTakeover(o Options, c candidate) *takeover {
	t := &takeover{Host: h, candidate: c, o: o, started: time.Now(), slot: sockets.Slot{App: c.name, Color: sockets.Blue}}
	t.op = state.Operation{Name: "adopt", Release: 1, Slot: t.slot.String(), Started: t.started}
	t.settings()
	return t
}

// steps are undone from the last by the steps of unadopt: drain by start, and
// files, slot and state each by its namesake. The undo of the first is that of all,
// as a whole: whichever step has failed, the originals are looked after before
// anything of edgeman's goes, and a step that was never come to has nothing to undo.
func (t *takeover) steps() []steps.Step {
	return []steps.Step{
		{Name: adoption.StepState, Do: t.writeState, Undo: t.giveBack},
		{Name: adoption.StepSlot, Do: t.openSlot},
		{Name: adoption.StepFiles, Do: t.changeNginx},
		{Name: adoption.StepDrain, Do: t.retireContainers},
	}
}

func (t *takeover) begin(step string) error {
	t.op.Step = step
	return t.Paths.BeginStep(t.name, t.op)
}

// giveBack is the undo of the whole: from its begin on repair undoes the rest.
func (t *takeover) giveBack(ctx context.Context) error {
	if t.record.Plan == nil { // nothing but the app's empty directory is there
		return t.Paths.RemoveApp(t.name)
	}
	return t.Unadopt.Undo(ctx, t.app, t.record, t.lock, true)
}

// failed says what an adoption that err has ended has left.
func (t *takeover) failed(err error) error {
	switch {
	case errors.As(err, new(*steps.UndoError)):
		return &outcome.BrokenError{Err: hint.With(err, "edgeman repair %s", t.name)}
	case errors.As(err, new(*outcome.UsageError)):
		return err
	}
	return fmt.Errorf("adopting %s: %w\neverything is as it was before", t.name, outcome.Begun(err))
}

// stillFree looks again under the lock: another adopt may have taken the name.
func (t *takeover) stillFree() error {
	if _, err := t.Paths.ReadApp(t.name); !errors.Is(err, state.ErrNoApp) {
		return hint.With(outcome.Refuse("%s has been adopted by another command", t.name), "edgeman status %s", t.name)
	}
	if op, busy, err := t.Paths.ReadOperation(t.name); err != nil {
		return err
	} else if busy {
		return hint.With(outcome.Refuse("%s of %s was interrupted", op.Name, t.name), "edgeman repair %s", t.name)
	}
	return nil
}

// rehearse makes sure that each container could be recreated: it has to be if
// somebody prunes it, and one with --rm is gone as soon as it stops.
func (t *takeover) rehearse(ctx context.Context) error {
	for _, c := range t.containers {
		if err := t.Docker.Rehearse(ctx, c.Raw); err != nil {
			return hint.With(outcome.Refuse("container %s could not be recreated if it were removed: %w", c.Name, err),
				"nothing was changed; run it again with settings that this Docker accepts")
		}
	}
	return nil
}

// openSlot starts the slot beside the old container, and makes sure that nginx may
// be led to it. Where the two must not run at the same time, it listens and holds
// requests back instead.
func (t *takeover) openSlot(ctx context.Context) error {
	hold := state.Pause{}
	if t.record.Recreate {
		hold = t.pause()
	}
	start := time.Now()
	if err := t.EnableUnits(ctx, t.name, true); err != nil {
		return err
	}
	if err := t.Fill(ctx, t.slot, t.release, hold); err != nil {
		return err
	}
	t.Step("socket", "edgeman@%s listening", t.slot)
	if !t.record.Recreate {
		if err := t.awaitStart(ctx, start); err != nil {
			return err
		}
	}
	return t.testNginx(ctx)
}

func (t *takeover) awaitStart(ctx context.Context, start time.Time) error {
	if err := t.AwaitHealthy(ctx, t.slot, t.release.Number, t.timeout); err != nil {
		err = t.WhyNotHealthy(ctx, err, t.Ailing(t.slot, t.release), t.release, "--port")
		if t.app.Health == "" && t.containers[0].Healthcheck != nil {
			err = hint.With(err, "--health PATH asks the app itself, --health connect only its port, instead of the image's HEALTHCHECK")
		}
		return err
	}
	t.bootTook = time.Since(start)
	if err := t.compareNew(ctx, start); err != nil {
		return err
	}
	t.Step("start", "release %d (%s) healthy after %s", t.release.Number, t.release.Image, words.Took(t.bootTook))
	return nil
}

// retireContainers waits until nginx has let go of the old containers, stops
// them and keeps them. With recreate the new ones start only then.
func (t *takeover) retireContainers(ctx context.Context) error {
	start := time.Now()
	var before, now []int // connections of each
	d, err := t.AwaitOldWorkers(ctx, t.drain, func() (total int, err error) {
		now, total, err = t.record.Connections()
		if before == nil {
			before = now
		}
		return total, err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	for _, id := range t.record.Ids() { // or the daemon would bring it back
		if err := t.Docker.SetRestart(ctx, id, "no"); err != nil {
			return err
		}
	}
	if err := t.StopAll(ctx, t.record.Ids()); err != nil {
		return err
	}
	t.stopTook = time.Since(began)
	if d.Cut > 0 { // what was left had until now
		d.Took = time.Since(start)
	}
	t.ended = d.Ended
	t.Step("drain", "%s: %s, stopped and kept", t.record.OldOnes(before, now), d)
	if !t.record.Recreate {
		return nil
	}
	start = time.Now()
	if err := t.Paths.ClearPause(t.slot); err != nil {
		return err
	}
	return t.awaitStart(ctx, start)
}

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
	"edgeman/nginxconf"
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

// refuseMeddling keeps edits that others have made since the plan was made from
// going live with our reload.
func (t *takeover) refuseMeddling(ctx context.Context, main string) error {
	conf, err := nginxconf.Load(t.Files, main)
	if err != nil {
		return err
	}
	return t.refusePending(ctx, t.o, conf)
}

// settle tells the history that the app is adopted, and that nothing is half-done.
func (t *takeover) settle(note string) error {
	e := state.Event{
		Time: time.Now().UTC(), Operation: "adopt", Release: t.release.Number, Image: t.release.Image, Digest: t.release.Digest,
		Slot: t.slot.String(), By: state.Caller(), Seconds: state.Seconds(time.Since(t.started)), Outcome: state.Done, Note: note,
		Stop: state.Seconds(t.stopTook), Boot: state.Seconds(t.bootTook),
	}
	e.Ended = t.ended
	if err := t.Paths.Record(t.name, e); err != nil {
		return err
	}
	return t.Paths.EndOperation(t.name)
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

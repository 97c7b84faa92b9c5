package unadopt

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
)

// giving is what giving a site back needs to know. It is idempotent: what has
// been restored already is left alone, so that an interrupted run can be repeated.
type giving struct {
	app     state.App
	record  adoption.Record
	lock    *state.Lock // held
	drain   time.Duration
	timeout time.Duration
	given   bool           // the operator has given the timeout
	patient time.Duration  // how long the originals may take until they answer
	unready bool           // give back also to one that does not
	live    *state.Release // run this one's image and settings, not the original's
	undo    bool           // of an adoption that failed or was interrupted
	begun   time.Time      // when that adoption began
	keep    bool           // the site depends on the originals: they are not stopped again
	quiet   bool           // say only what matters
	said    []string       // what cannot be taken back
	told    bool           // said has been printed
	result  *Result
}

// newGiving takes the waits from the app's settings.
func newGiving(app state.App, record adoption.Record, lock *state.Lock) giving {
	return giving{app: app, record: record, lock: lock, drain: time.Duration(app.Drain.Timeout), timeout: time.Duration(app.Start.Timeout)}
}

// Undo takes back an adoption that did not get to its end. quiet says only what
// matters; the caller holds the app's lock.
func (h *Host) Undo(ctx context.Context, app state.App, record adoption.Record, lock *state.Lock, quiet bool) error {
	b := newGiving(app, record, lock)
	b.undo, b.quiet = true, quiet
	return h.giveBack(ctx, b)
}

// giveBack carries it out in this order: the containers answer at their addresses,
// nginx goes back to them, the slot drains, and what edgeman made is removed.
func (h *Host) giveBack(ctx context.Context, b giving) error {
	if b.result == nil {
		b.result = &Result{}
	}
	op, unused, err := h.beginBack(&b)
	if err != nil {
		return err
	}
	files, said, cannot := h.restored(b.record)
	if cannot == nil {
		cannot = h.testBack(ctx, files)
	}
	if cannot != nil && !b.keep { // else what waits in the slot is served at least
		return cannot
	}
	if !b.told {
		h.Notes(said)
	}
	if err := h.Paths.BeginStep(b.app.Name, op); err != nil {
		return err
	}
	if err := h.startOriginals(ctx, b); err != nil {
		return h.stay(b, op, err)
	}
	if cannot != nil {
		return cannot
	}
	if !b.undo {
		op.Step = adoption.StepFiles
	}
	if err := h.Paths.BeginStep(b.app.Name, op); err != nil {
		return err
	}
	if err := h.restoreFiles(ctx, b, files); err != nil {
		return err
	}
	if !unused {
		if err := h.drainSlots(ctx, b); err != nil {
			return err
		}
	}
	return h.RemoveApp(ctx, b.app.Name)
}

// beginBack is the journal to go on with. An interrupted adoption is undone, and
// its journal says so until the end: up to StepFiles repair undoes it again. An
// interrupted release that had come to nginx's files stays at that step.
//
// unused tells an adoption that ended before nginx heard of the slot. Then
// nobody's connection is in there, and what probes have left in the queue of an
// app that does not accept would stay for the whole drain time.
func (h *Host) beginBack(b *giving) (op state.Operation, unused bool, err error) {
	op, begun, err := h.Paths.ReadOperation(b.app.Name)
	switch {
	case err != nil:
		return op, false, err
	case begun && op.Name == "adopt":
		b.undo, b.keep, b.begun = true, true, op.Started
		if op.Step == adoption.StepDrain {
			op.Step = adoption.StepFiles
		}
		return op, op.Step == adoption.StepState || op.Step == adoption.StepSlot, nil
	case begun && op.Name == "unadopt":
		b.keep = op.Step == adoption.StepFiles // nginx may be back
		return op, false, nil
	}
	op = state.Operation{Name: "unadopt", Step: adoption.StepStart, Started: time.Now()}
	if b.live != nil {
		op.Release = b.live.Number
	}
	return op, false, nil
}

// stay ends a release whose original does not run, while nginx was not touched:
// the app goes on as it was. Where nginx may be back already, and where an
// adoption is being undone, the app cannot go on like that.
func (h *Host) stay(b giving, op state.Operation, cause error) error {
	if b.undo || op.Step != adoption.StepStart {
		return cause
	}
	if err := h.Paths.EndOperation(b.app.Name); err != nil {
		return errors.Join(cause, err)
	}
	return &stayedError{cause}
}

// stayedError is a release that was not carried out: everything is as before.
type stayedError struct{ error }

func (e *stayedError) Unwrap() error { return e.error }

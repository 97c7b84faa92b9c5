package unadopt

import (
	"context"
	"errors"
	"slices"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
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
	unused  bool           // nginx never heard of the slot
	quiet   bool           // say only what matters
	said    []string       // what cannot be taken back
	told    bool           // said has been printed
	result  *Result

	originals []string         // their ids, once the slot has made way for them
	asleep    []string         // those of them that did not run
	ports     []state.Listener // where they listen
	way       *way
}

// newGiving takes the waits from the app's settings.
func newGiving(app state.App, record adoption.Record, lock *state.Lock) giving {
	return giving{app: app, record: record, lock: lock, drain: time.Duration(app.Drain.Timeout), timeout: time.Duration(app.Start.Timeout), result: &Result{}}
}

// Undo takes back an adoption that did not get to its end. quiet says only what
// matters; the caller holds the app's lock.
func (h *Host) Undo(ctx context.Context, app state.App, record adoption.Record, lock *state.Lock, quiet bool) error {
	b := newGiving(app, record, lock)
	b.undo, b.quiet = true, quiet
	return h.giveBack(ctx, b)
}

// giveBack carries it out in this order: the containers answer at their addresses,
// nginx goes back to them, the slot drains, and what edgeman made is removed. Each
// step undoes that of adopt; once the originals answer, it only goes on.
func (h *Host) giveBack(ctx context.Context, b giving) error {
	op, err := h.beginBack(&b)
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
	order := []string{adoption.StepStart, adoption.StepFiles, adoption.StepSlot, adoption.StepState}
	err = steps.Run(ctx, func(name string) error {
		if !b.undo && slices.Index(order, name) > slices.Index(order, op.Step) { // an interrupted run stays as far as it had come
			op.Step = name
		}
		return h.Paths.BeginStep(b.app.Name, op)
	}, h.steps(&b, files, cannot))
	if err == nil || b.undo || op.Step != adoption.StepStart || errors.As(err, new(*steps.UndoError)) {
		return err
	}
	if end := h.Paths.EndOperation(b.app.Name); end != nil {
		return errors.Join(err, end)
	}
	return &stayedError{err}
}

// steps give the site back: each undoes one of adopt's. cannot is why the files
// cannot be restored.
func (h *Host) steps(b *giving, files []fileBack, cannot error) []steps.Step {
	return []steps.Step{
		{
			Name: adoption.StepStart, Stays: true,
			Do:   func(ctx context.Context) error { return h.startOriginals(ctx, b) },
			Undo: func(ctx context.Context) error { return h.leaveOriginals(ctx, *b) },
		},
		{Name: adoption.StepFiles, Do: func(ctx context.Context) error {
			if cannot != nil {
				return cannot
			}
			return h.restoreFiles(ctx, *b, files)
		}},
		{Name: adoption.StepSlot, Do: func(ctx context.Context) error { return h.drainSlots(ctx, *b) }},
		{Name: adoption.StepState, Do: func(ctx context.Context) error { return h.RemoveApp(ctx, b.app.Name) }},
	}
}

// beginBack is the journal to go on with. An interrupted adoption is undone, and
// its journal says so until the end: up to StepFiles repair undoes it again.
func (h *Host) beginBack(b *giving) (op state.Operation, err error) {
	op, begun, err := h.Paths.ReadOperation(b.app.Name)
	switch {
	case err != nil:
	case begun && op.Name == "adopt":
		b.undo, b.keep, b.begun = true, true, op.Started
		if op.Step == adoption.StepDrain {
			op.Step = adoption.StepFiles
		}
		b.unused = op.Step == adoption.StepState || op.Step == adoption.StepSlot
	case begun && op.Name == "unadopt":
		b.keep = op.Step != adoption.StepStart // nginx may be back
	default:
		op = state.Operation{Name: "unadopt", Step: adoption.StepStart, Started: time.Now()}
		if b.live != nil {
			op.Release = b.live.Number
		}
	}
	return op, err
}

// stayedError is giving back that was undone while nginx was not touched: the
// originals do not run, and the app goes on as it was. Where nginx may be back
// already, and where an adoption is being undone, the app cannot go on like that.
type stayedError struct{ error }

func (e *stayedError) Unwrap() error { return e.error }

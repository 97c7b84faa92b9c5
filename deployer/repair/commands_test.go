package repair

import (
	"context"
	"errors"
	"time"

	"edgeman/deployer/adopt"
	"edgeman/deployer/state"
	"edgeman/deployer/swap"
	"edgeman/deployer/unadopt"
	"edgeman/sockets"
)

// command is one that is killed.
type command struct {
	name  string
	steps []string // also those of an undo
	ready func(*scene)
	run   func(context.Context, *scene) error
	again func(context.Context, *scene) error // run after repair; default: run
	fails bool
}

var commands = []command{
	{name: "adopt, overlap", steps: []string{"state", "slot", "files", "drain"}, ready: func(*scene) {}, run: runAdopt, again: adoptAgain},
	{name: "adopt, stop first", steps: []string{"state", "slot", "files", "drain"}, ready: stopsFirst, run: runAdopt, again: adoptAgain},
	{
		name: "adopt that fails", steps: []string{"state", "slot", "files", "start", "files", "slot", "state"}, fails: true,
		ready: func(w *scene) { w.stopFails = errors.New("it does not stop") }, run: runAdopt, again: adoptAgain,
	},
	{name: "unadopt", steps: []string{"start", "files", "slot", "state"}, ready: adopted, run: runUnadopt, again: unadoptAgain},
	{
		name: "unadopt, stop first", steps: []string{"start", "files", "slot", "state"}, run: runUnadopt, again: unadoptAgain,
		ready: func(w *scene) { stopsFirst(w); adopted(w) },
	},
	{name: "swap, overlap", steps: []string{"start", "switch", "drain"}, ready: onProxy, run: runSwap("")},
	{name: "swap, stop first", steps: []string{"stop-first"}, ready: onProxy, run: runSwap("stop-first")},
	{name: "swap, stop first, native", steps: []string{"stand-in", "stop-first", "take-back"}, ready: onNative, run: runSwap("stop-first")},
	{name: "swap that fails, overlap", ready: sick(leftAlone), run: runSwap(""), fails: true},
	{name: "swap that fails, stop first", ready: sick(onProxy), run: runSwap("stop-first"), fails: true},
	{name: "swap that fails, stop first, native", steps: []string{"stand-in"}, ready: sick(onNative), run: runSwap("stop-first"), fails: true},
	{name: "rollback to what still runs", steps: []string{"switch", "drain"}, ready: keptWarm, run: runRollback},
	{name: "rollback anew", steps: []string{"start", "switch", "drain"}, ready: swapped, run: runRollback},
	{name: "restart, overlap", steps: []string{"start", "switch", "drain"}, ready: onProxy, run: runRestart(swap.Options{})},
	{name: "restart, stop first", steps: []string{"stop-first"}, ready: onProxy, run: runRestart(swap.Options{Strategy: "stop-first"})},
	{name: "restart, service renewed", steps: []string{"stop-first"}, ready: onProxy, run: runRestart(swap.Options{Strategy: "stop-first", Renew: true})},
	{
		name: "restart, native service renewed", steps: []string{"start", "switch", "drain", "await"},
		ready: onNative, run: runRestart(swap.Options{Renew: true}),
	},
}

func runAdopt(ctx context.Context, w *scene) error {
	_, err := w.Adopt.Adopt(ctx, adopt.Options{Sites: []string{w.site}, Name: "myapp", Yes: true, LetWait: true, Drain: 200 * time.Millisecond, Timeout: 10 * time.Second})
	return err
}

func runUnadopt(ctx context.Context, w *scene) error {
	_, err := w.Unadopt.Unadopt(ctx, unadopt.Options{App: "myapp", Yes: true})
	return err
}

// adoptAgain gives back first what repair has completed.
func adoptAgain(ctx context.Context, w *scene) error {
	if _, err := w.Paths.ReadApp("myapp"); err == nil {
		if err := runUnadopt(ctx, w); err != nil {
			return err
		}
	}
	return runAdopt(ctx, w)
}

func unadoptAgain(ctx context.Context, w *scene) error {
	return errors.Join(adoptAgain(ctx, w), runUnadopt(ctx, w))
}

func runSwap(strategy string) func(context.Context, *scene) error {
	return func(ctx context.Context, w *scene) error {
		_, err := w.Swaps.Swap(ctx, swap.Options{App: "myapp", Image: "v2", Pull: "missing", Strategy: strategy, LetWait: true})
		return err
	}
}

func runRollback(ctx context.Context, w *scene) error {
	_, err := w.Swaps.Rollback(ctx, swap.Options{App: "myapp"})
	return err
}

func runRestart(o swap.Options) func(context.Context, *scene) error {
	return func(ctx context.Context, w *scene) error {
		o.App, o.LetWait = "myapp", true
		_, err := w.Swaps.Restart(ctx, o)
		return err
	}
}

func stopsFirst(w *scene) { w.Beside = []string{"writes to a volume"} }

func adopted(w *scene) { w.must(runAdopt(w.T.Context(), w)) }

// onProxy is an app that is live without a site.
func onProxy(w *scene) {
	delete(w.Containers, "web-1")
	w.Adopted()
}

func onNative(w *scene) {
	onProxy(w)
	w.recorded(func(r *state.Release) { r.Mode = "native" })
	app, err := w.Paths.ReadApp("myapp")
	app.Mode, app.Strategy = "native", "stop-first"
	w.must(errors.Join(err, w.Paths.WriteApp(app)))
}

// leftAlone is an app of which the command itself has to end a slot.
func leftAlone(w *scene) {
	onProxy(w)
	w.Retire.Store(false)
}

// sick is an app whose next release does not become healthy.
func sick(ready func(*scene)) func(*scene) {
	return func(w *scene) {
		ready(w)
		w.Sick["sha256:v2"] = true
		app, err := w.Paths.ReadApp("myapp")
		app.Start.Timeout = state.Duration(300 * time.Millisecond)
		w.must(errors.Join(err, w.Paths.WriteApp(app)))
	}
}

func swapped(w *scene) {
	onProxy(w)
	w.must(runSwap("")(w.T.Context(), w))
}

// keptWarm is an app whose first release still runs after a swap.
func keptWarm(w *scene) {
	onProxy(w)
	w.Retire.Store(false)
	app, err := w.Paths.ReadApp("myapp")
	app.KeepWarm = state.Duration(time.Hour)
	w.must(errors.Join(err, w.Paths.WriteApp(app)))
	w.must(w.Paths.WriteSlotStatus(sockets.Slot{App: "myapp", Color: sockets.Blue}, state.SlotStatus{Phase: state.PhaseWarm, Release: 1}))
	w.must(runSwap("")(w.T.Context(), w))
	app.KeepWarm = 0
	w.must(w.Paths.WriteApp(app))
}

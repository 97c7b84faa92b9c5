package repair

import (
	"context"
	"errors"
	"os"
	"testing"

	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/steps"
)

// killed is what a command that is killed panics with.
type killed string

// killAfter runs the command and kills it after as many steps: its locks are
// free then, and nothing else of it is done. step is the last one, "" if the
// command came to its end before.
func killAfter(t *testing.T, count int, command func(context.Context) error) (step string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case killed:
			step = string(r)
		default:
			panic(r)
		}
	}()
	return "", command(steps.After(t.Context(), func(name string) {
		if count--; count == 0 {
			panic(killed(name))
		}
	}))
}

// Whichever command is killed, and after whichever step: repair leaves the app
// whole, or the site as it was before adopt, and the same command works then.
func TestKilledAfterEveryStep(t *testing.T) {
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			for n := range len(c.steps) + 1 {
				w := newScene(t)
				c.ready(w)
				step, err := killAfter(t, n+1, func(ctx context.Context) error { return c.run(ctx, w) })
				if n == len(c.steps) {
					if step != "" || (err != nil) != c.fails {
						t.Errorf("after its last step it went on with %q, or ended with %v", step, err)
					}
					w.wantWhole("to its end")
					continue
				}
				if step != c.steps[n] || err != nil {
					t.Fatalf("step %d is %q, want %q; %v", n, step, c.steps[n], err)
				}
				when := "killed after " + step
				if err := w.Repair(t.Context(), "myapp"); err != nil && !errors.Is(err, state.ErrNoApp) {
					t.Fatalf("%s: repair: %v", when, err)
				}
				w.wantWhole(when)
				w.stopFails = nil
				clear(w.Sick)
				again := c.run
				if c.again != nil {
					again = c.again
				}
				if err := again(t.Context(), w); err != nil {
					t.Errorf("%s: the same command after repair: %v", when, err)
				}
				w.wantWhole(when + ", repaired, and run again")
			}
		})
	}
}

// wantWhole checks that one release is live and runs, or that no trace of an
// adoption is left.
func (w *scene) wantWhole(when string) {
	w.T.Helper()
	if op, open, err := w.Paths.ReadOperation("myapp"); err != nil || open {
		w.T.Errorf("%s: journal %+v, %v", when, op, err)
	}
	if _, err := w.Paths.ReadApp("myapp"); errors.Is(err, state.ErrNoApp) {
		w.wantAsBefore(when)
		return
	}
	live, r, filled, err := slots.Served(w.Paths, "myapp")
	if err != nil || !filled {
		w.T.Fatalf("%s: the live slot %s is filled %v, %v", when, live, filled, err)
	}
	// A retired slot ends on its own, and what waits for that goes on.
	if _, err := w.Units.State(w.T.Context(), live.Other().ServiceUnit()); err != nil {
		w.T.Fatal(err)
	}
	for _, unit := range []string{live.SocketUnit(), live.ServiceUnit()} {
		if w.UnitStates[unit] != "active" {
			w.T.Errorf("%s: %s is %q", when, unit, w.UnitStates[unit])
		}
	}
	if c, err := w.Docker.Inspect(w.T.Context(), r.Container(live.Color)); err != nil || !c.Running {
		w.T.Errorf("%s: container %+v, %v", when, c, err)
	}
	if other, filled, err := w.Paths.SlotRelease(live.Other()); err != nil || filled {
		w.T.Errorf("%s: %s is filled with release %d, too, %v", when, live.Other(), other.Number, err)
	}
	w.wantHistory(when, r.Number)
	w.wantLedToSlot(when)
}

// wantHistory checks that the history says which release serves.
func (w *scene) wantHistory(when string, serves int) {
	w.T.Helper()
	events, err := w.Paths.History("myapp")
	if err != nil || len(events) == 0 {
		w.T.Errorf("%s: history %+v, %v", when, events, err)
		return
	}
	last := events[len(events)-1]
	said := last.Release
	if last.Outcome == state.Failed {
		said = last.From
	}
	if said != serves {
		w.T.Errorf("%s: release %d is live, and the history ends with %+v", when, serves, last)
	}
}

// wantAsBefore checks that the site is as it was before adopt.
func (w *scene) wantAsBefore(when string) {
	w.T.Helper()
	if now := w.read(w.site); now != w.before {
		w.T.Errorf("%s: the site is\n%s", when, now)
	}
	if c := w.Containers["web-1"]; len(w.Containers) != 1 || !c.Running || c.RestartPolicy != "always" {
		w.T.Errorf("%s: containers %+v", when, w.Containers)
	}
	if _, err := os.Stat(w.Paths.App("myapp")); !errors.Is(err, os.ErrNotExist) {
		w.T.Errorf("%s: the app's directory is there: %v", when, err)
	}
	for unit, active := range w.UnitStates {
		if active != "inactive" {
			w.T.Errorf("%s: %s is %s", when, unit, active)
		}
	}
}

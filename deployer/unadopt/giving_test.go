package unadopt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A release whose original does not answer stays adopted, but not once nginx may
// be back, and not while an adoption is undone: then the original is all there
// is, and it is left to itself.
func TestReleaseWhoseOriginalDoesNotAnswer(t *testing.T) {
	tests := []struct {
		name string
		op   *state.Operation // of an earlier run that was interrupted
		code int
		step string // journalled afterwards
	}{
		{"from the start", nil, outcome.ExitFailed, ""},
		{"again, interrupted before nginx went back", &state.Operation{Name: "unadopt", Step: adoption.StepStart}, outcome.ExitFailed, ""},
		{"again, interrupted after nginx went back", &state.Operation{Name: "unadopt", Step: adoption.StepFiles}, outcome.ExitDone, ""},
		{"again, interrupted while its slots drained", &state.Operation{Name: "unadopt", Step: adoption.StepSlot}, outcome.ExitDone, ""},
		{"again, interrupted while what is edgeman's was removed", &state.Operation{Name: "unadopt", Step: adoption.StepState}, outcome.ExitDone, ""},
		{"of an adoption interrupted before nginx knew", &state.Operation{Name: "adopt", Step: adoption.StepSlot}, outcome.ExitDone, ""},
		{"of an adoption interrupted after", &state.Operation{Name: "adopt", Step: adoption.StepDrain}, outcome.ExitDone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.OnRecord()
			if tt.op != nil {
				if err := w.Paths.BeginStep("myapp", *tt.op); err != nil {
					t.Fatal(err)
				}
			}
			_, err := w.Unadopt(context.Background(), Options{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
			if outcome.ExitCode(err) != tt.code {
				t.Errorf("exit code %d (%v), want %d", outcome.ExitCode(err), err, tt.code)
			}
			op, _, err := w.Paths.ReadOperation("myapp")
			if err != nil || op.Step != tt.step {
				t.Errorf("journalled step %q, %v; want %q", op.Step, err, tt.step)
			}
			if depends := tt.code == outcome.ExitDone; w.Containers["old"].Running != depends {
				t.Errorf("the original runs: %v, and the site depends on it: %v", !depends, depends)
			}
		})
	}
}

// A configuration that was broken before is not put down to the edits, and the
// dry run says so, too.
func TestReleaseOfABrokenConfiguration(t *testing.T) {
	bogus := errors.New(`nginx: /etc/nginx/x:3: unknown directive "bogus"`)
	broken := fmt.Errorf("%w: %w", nginx.ErrAlreadyBroken, bogus)
	tests := map[string]struct {
		candidate, disk error
		gone            bool // the edit was taken back by somebody
		want            string
	}{
		"before us":                    {bogus, broken, false, "on disk is already broken: " + bogus.Error() + "\nnothing was changed, myapp serves as before\nhint: "},
		"before us, nothing to revert": {nil, broken, true, "on disk is already broken"},
		"only without the edits":       {bogus, nil, false, "without adopt's edits: " + bogus.Error()},
		"only with the edits":          {nil, broken, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.OnRecord()
			if tt.gone {
				if err := os.WriteFile(site, []byte("server {}\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			w.NginxFails, w.NginxBroken = tt.candidate, tt.disk
			r, err := w.Unadopt(context.Background(), Options{App: "myapp", DryRun: true})
			if tt.want == "" {
				if err != nil || r.Files == nil {
					t.Errorf("%v, files %#v; want no refusal, and a list that is empty", err, r.Files)
				}
				return
			}
			if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), tt.want) {
				t.Errorf("%v, want a refusal with %q", err, tt.want)
			}
		})
	}
}

// Nobody can keep a native app from accepting, so its requests wait in the other
// slot while it drains; and a release that fails does not let it run beside what
// it must not run with.
func TestReleaseOfNativeStepsAside(t *testing.T) {
	w := newWorld(t)
	w.OnRecord()
	w.native()
	_, err := w.Unadopt(t.Context(), Options{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
	if outcome.ExitCode(err) != outcome.ExitFailed {
		t.Fatalf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if color, _ := w.LiveSlot(); color != green.Color {
		t.Errorf("live is %s, where the app itself accepts", color)
	}
	if _, filled, _ := w.Paths.SlotRelease(green.Other()); filled || w.Containers["myapp-blue-1"].ID != "" {
		t.Error("the app still runs")
	}
	if w.Containers["old"].Running {
		t.Error("the original was not stopped again")
	}
	p, on, err := w.Paths.ReadPause(green)
	if err != nil || on || p.Container != "old" {
		t.Errorf("pause %+v, in force %v: the service cannot see what it must wait for; %v", p, on, err)
	}
}

// An original that does not even start is no reason to keep requests waiting: the
// slot's own container serves on, also where nginx may be back.
func TestReleaseWhoseOriginalDoesNotStart(t *testing.T) {
	w := newWorld(t)
	w.OnRecord()
	w.native()
	err := errors.Join(
		w.Change("old", func(c *docker.Container) { c.Error, c.Status, c.ExitCode = "no such mount", "exited", 127 }),
		w.Paths.BeginStep("myapp", state.Operation{Name: "unadopt", Step: adoption.StepFiles}),
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Unadopt(t.Context(), Options{App: "myapp", Yes: true})
	if outcome.ExitCode(err) != outcome.ExitBroken || !strings.Contains(err.Error(), "container old ended with code 127: no such mount") {
		t.Fatalf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if p, on, err := w.Paths.ReadPause(green); err != nil || on || p.Forward {
		t.Errorf("pause %+v, in force %v: requests wait for a container that does not run; %v", p, on, err)
	}
}

// native makes the live release one that accepts itself and must not run
// beside the original.
func (w *world) native() {
	w.T.Helper()
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Mode, r.StopFirst = "native", []string{"writes to a volume"}
	if err := state.WriteJSON(w.Paths.Release("myapp", 1), r); err != nil {
		w.T.Fatal(err)
	}
}

// An original that runs already is waited for already: a release that fails
// leaves that as it is.
func TestReleaseWhoseOriginalRunsAndDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.OnRecord()
	w.native()
	if err := w.SetRunning("old", true); err != nil {
		t.Fatal(err)
	}
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	held := state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseUnadopt, Container: "old", Forward: true}
	if err := errors.Join(w.Paths.SetPause(blue, held), w.Paths.BeginStep("myapp", state.Operation{Name: "unadopt", Step: adoption.StepStart})); err != nil {
		t.Fatal(err)
	}
	_, err := w.Unadopt(t.Context(), Options{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
	if outcome.ExitCode(err) != outcome.ExitFailed {
		t.Fatalf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	if p, on, err := w.Paths.ReadPause(blue); err != nil || !on || !p.Forward {
		t.Errorf("pause %+v: the slot's container starts beside the original; %v", p, err)
	}
}

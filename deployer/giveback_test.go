package deployer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets"
)

// onRecord writes what adopt keeps for release: one edit of a site file that
// nginx is led to the slot by, and the container that served before. Nothing
// listens at its address.
func (w *world) onRecord() (site string) {
	w.t.Helper()
	w.adopted()
	site = filepath.Join(filepath.Dir(w.Paths.Etc), "site")
	conf := filepath.Join(filepath.Dir(w.Paths.Etc), "nginx.conf")
	before := "upstream my_app { server 127.0.0.1:1; }\nserver { location / { proxy_pass http://my_app; } }\n"
	err := errors.Join(os.WriteFile(site, []byte(before), 0o644), os.WriteFile(conf, []byte("events {}\nhttp { include "+site+"; }\n"), 0o644))
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := nginxconf.Load(w.Files, conf)
	if err != nil {
		w.t.Fatal(err)
	}
	targets, err := c.Targets(site)
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := c.Plan(nginxconf.Options{Socket: w.Paths.Live("myapp"), App: "myapp"}, targets[0])
	if err != nil {
		w.t.Fatal(err)
	}
	old := docker.Container{
		ID: "old", Name: "old", Networks: []docker.Network{{IPv4: netip.MustParseAddr("127.0.0.1")}},
		Published: []docker.Port{{HostPort: 1, ContainerPort: 1, Proto: "tcp"}},
	}
	w.containers["old"] = old
	err = writeAdoption(w.Paths, Adoption{
		App: "myapp", Site: site, Plan: plan, ImageID: "sha256:v1", Release: 1,
		Original: Original{Target: targets[0].Address, Address: targets[0].Addr, Container: "old", ContainerID: "old"},
	}, []json.RawMessage{json.RawMessage(`{}`)})
	if err == nil {
		err = os.WriteFile(site, plan.Files[0].After, 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return site
}

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
		{"from the start", nil, ExitFailed, ""},
		{"again, interrupted before nginx went back", &state.Operation{Name: "unadopt", Step: stepStart}, ExitFailed, ""},
		{"again, interrupted after nginx went back", &state.Operation{Name: "unadopt", Step: stepFiles}, ExitDone, ""},
		{"of an adoption interrupted before nginx knew", &state.Operation{Name: "adopt", Step: stepSlot}, ExitDone, ""},
		{"of an adoption interrupted after", &state.Operation{Name: "adopt", Step: stepDrain}, ExitDone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.onRecord()
			if tt.op != nil {
				if err := w.Paths.BeginStep("myapp", *tt.op); err != nil {
					t.Fatal(err)
				}
			}
			_, err := w.Release(context.Background(), ReleaseOptions{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
			if ExitCode(err) != tt.code {
				t.Errorf("exit code %d (%v), want %d", ExitCode(err), err, tt.code)
			}
			op, _, err := w.Paths.ReadOperation("myapp")
			if err != nil || op.Step != tt.step {
				t.Errorf("journalled step %q, %v; want %q", op.Step, err, tt.step)
			}
			if depends := tt.code == ExitDone; w.containers["old"].Running != depends {
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
		"only without the edits":       {bogus, nil, false, "with the edits taken back: " + bogus.Error()},
		"only with the edits":          {nil, broken, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			site := w.onRecord()
			if tt.gone {
				if err := os.WriteFile(site, []byte("server {}\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			w.nginxFails, w.nginxBroken = tt.candidate, tt.disk
			r, err := w.Release(context.Background(), ReleaseOptions{App: "myapp", DryRun: true})
			if tt.want == "" {
				if err != nil || r.Files == nil {
					t.Errorf("%v, files %#v; want no refusal, and a list that is empty", err, r.Files)
				}
				return
			}
			if ExitCode(err) != ExitRefused || !strings.Contains(hint.Text(err), tt.want) {
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
	w.onRecord()
	w.native()
	_, err := w.Release(t.Context(), ReleaseOptions{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
	if ExitCode(err) != ExitFailed {
		t.Fatalf("exit code %d, %v", ExitCode(err), err)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if color, _ := w.live(); color != green.Color {
		t.Errorf("live is %s, where the app accepts by itself", color)
	}
	if _, filled, _ := w.Paths.SlotRelease(green.Other()); filled || w.containers["myapp-blue-1"].ID != "" {
		t.Error("the app still runs")
	}
	if w.containers["old"].Running {
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
	w.onRecord()
	w.native()
	err := errors.Join(
		w.change("old", func(c *docker.Container) { c.Error, c.Status, c.ExitCode = "no such mount", "exited", 127 }),
		w.Paths.BeginStep("myapp", state.Operation{Name: "unadopt", Step: stepFiles}),
	)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Release(t.Context(), ReleaseOptions{App: "myapp", Yes: true})
	if ExitCode(err) != ExitBroken || !strings.Contains(err.Error(), "container old ended with code 127: no such mount") {
		t.Fatalf("exit code %d, %v", ExitCode(err), err)
	}
	green := sockets.Slot{App: "myapp", Color: sockets.Green}
	if p, on, err := w.Paths.ReadPause(green); err != nil || on || p.Forward {
		t.Errorf("pause %+v, in force %v: requests wait for a container that does not run; %v", p, on, err)
	}
}

// native makes the live release one that accepts by itself and must not run
// beside the original.
func (w *world) native() {
	w.t.Helper()
	r, err := w.Paths.ReadRelease("myapp", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Mode, r.Recreate = "native", []string{"writes to a volume"}
	if err := state.WriteJSON(w.Paths.Release("myapp", 1), r); err != nil {
		w.t.Fatal(err)
	}
}

// An original that runs already is waited for already: a release that fails
// leaves that as it is.
func TestReleaseWhoseOriginalRunsAndDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.onRecord()
	w.native()
	if err := w.setRunning("old", true); err != nil {
		t.Fatal(err)
	}
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	held := state.Pause{Until: time.Now().Add(time.Hour), Reason: state.PauseRelease, Container: "old", Forward: true}
	if err := errors.Join(w.Paths.SetPause(blue, held), w.Paths.BeginStep("myapp", state.Operation{Name: "unadopt", Step: stepStart})); err != nil {
		t.Fatal(err)
	}
	_, err := w.Release(t.Context(), ReleaseOptions{App: "myapp", Yes: true, Timeout: 100 * time.Millisecond})
	if ExitCode(err) != ExitFailed {
		t.Fatalf("exit code %d, %v", ExitCode(err), err)
	}
	if p, on, err := w.Paths.ReadPause(blue); err != nil || !on || !p.Forward {
		t.Errorf("pause %+v: the slot's container starts beside the original; %v", p, err)
	}
}

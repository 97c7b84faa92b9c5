package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/install"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
)

// dryRun is what adopt prints of its plan for the site.
func (w *copies) dryRun(o Options) (Result, string) {
	w.T.Helper()
	w.Stdout.Reset()
	w.Stderr.Reset()
	o.Sites, o.Name, o.DryRun = []string{w.site}, "myapp", true
	result, err := w.Host.Adopt(context.Background(), o)
	if err != nil {
		w.T.Fatal(err)
	}
	return result, w.Stdout.String() + w.Stderr.String()
}

// The plan says everything that the operator has to know before the question.
func TestAdoptPlan(t *testing.T) {
	w := newCopies(t, 2, "")
	_, said := w.dryRun(Options{})
	for _, want := range []string{
		"served by containers web-1, web-2 (myapp:v1) and becomes 2 replicas\n",
		"note: edgeman is installed first; edgeman uninstall removes it again: ",
		filepath.Join(w.System.Root, "/etc/systemd/system/edgeman@.socket"),
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "requests will wait") {
		t.Errorf("nobody waits, but adopt said\n%s", said)
	}
}

// What a stop-first adopt can hold back is said with the plan; a host that
// knows edgeman is not told that it will be installed.
func TestAdoptPlanStopFirst(t *testing.T) {
	w := newCopies(t, 1, "")
	w.Beside = []string{"writes to a volume"}
	if err := w.Paths.MakeBase(); err != nil {
		t.Fatal(err)
	}
	if err := w.Install.WriteFacts(&install.Facts{}); err != nil {
		t.Fatal(err)
	}
	_, said := w.dryRun(Options{})
	if strings.Count(said, "note: requests will wait: ") != 1 || strings.Contains(said, "installed first") || strings.Contains(said, "replicas") {
		t.Errorf("adopt said\n%s", said)
	}
}

// In mode native nothing is between nginx and the app: it sees no address.
func TestAdoptPlanNative(t *testing.T) {
	w := newCopies(t, 1, "")
	shim := filepath.Join(w.System.Root, program.LibDir, "edgeman-init")
	if err := errors.Join(os.MkdirAll(filepath.Dir(shim), 0o755), os.WriteFile(shim, nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, said := w.dryRun(Options{Mode: "native"})
	if want := "the app will see a Unix socket without an address as its peer"; !strings.Contains(said, want) || strings.Contains(said, "--via") {
		t.Errorf("want %q and no word of --via:\n%s", want, said)
	}
	if _, err := w.Host.Adopt(context.Background(), Options{Sites: []string{"/x"}, Mode: "native", Via: "bridge"}); outcome.ExitCode(err) != outcome.ExitUsage {
		t.Errorf("--via in mode native: %v", err)
	}
}

// stdout is one object, and what there is none of is an empty list.
func TestAdoptJSON(t *testing.T) {
	w := newCopies(t, 1, "")
	result, _ := w.dryRun(Options{JSON: true})
	if w.Stdout.Len() > 0 {
		t.Errorf("on stdout before the object:\n%s", w.Stdout.String())
	}
	for name, v := range map[string]any{"a plan": result, "nothing": Result{Sites: []string{}, Apps: []App{}, Left: []left{}, Install: []install.Change{}}} {
		var text bytes.Buffer
		w.Out = &text
		if err := w.PrintJSON(v); err != nil || !json.Valid(text.Bytes()) || strings.Contains(text.String(), "null") {
			t.Errorf("%s: %v\n%s", name, err, text.String())
		}
	}
}

// adopt's last line is for people.
func TestAdoptedLine(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		w := newCopies(t, 1, "")
		to, err := w.begin()
		if err != nil {
			t.Fatal(err)
		}
		w.tcp(to.candidate)
		to.o.JSON = asJSON
		if err := w.adopt(context.Background(), to.o, to.candidate); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(w.Stdout.String(), "adopted."); got == asJSON {
			t.Errorf("JSON %v, and stdout is %q", asJSON, w.Stdout.String())
		}
	}
}

// tcp keeps adopt from sending a request through a slot that nobody serves.
func (w *copies) tcp(c candidate) { c.ways[0].targets[0].Protocol = "tcp" }

// A refusal names its container once.
func TestRefuseNote(t *testing.T) {
	err := refuseNote(adoptable.Note{Code: "x", Text: "container web has 1 changed file", Override: "--allow-x"})
	if got, want := hint.Text(err), "container web has 1 changed file\nhint: --allow-x accepts that"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// So does what is said of a backup server that stays.
func TestAdoptLeavesABackup(t *testing.T) {
	w := newCopies(t, 1, "    server 127.0.0.1:9 backup;\n")
	r, said := w.dryRun(Options{})
	if len(r.Left) != 1 || !strings.Contains(said, "note: 127.0.0.1:9 stays as it is: "+w.site+":2: the backup of upstream my_app is not taken over\n") {
		t.Errorf("left %v, said\n%s", r.Left, said)
	}
}

// The app is asked as its site asks it, and a check that fails already does not
// keep the new container from serving.
func TestAdoptAsksAsTheSiteDoes(t *testing.T) {
	tests := []struct {
		name, unhealthy string
		o               Options
		health, said    string
		headers         []string
	}{
		{"by itself", "", Options{}, "", "", []string{"Host: my_app"}},
		{"told", "", Options{Health: "/up", HealthHeaders: []string{"Host: x"}}, "/up", "", []string{"Host: x"}},
		{"unhealthy", "exit 1 no curl", Options{}, "connect", "warning: myapp: Docker already calls container web-1 unhealthy (its HEALTHCHECK says: exit 1 no curl)", []string{"Host: my_app"}},
		{"unhealthy, told", "exit 1", Options{Health: "/up"}, "/up", "the request for /up decides instead", []string{"Host: my_app"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			w.set("web-1", func(c *docker.Container) { c.Unhealthy = tt.unhealthy })
			_, said := w.dryRun(tt.o)
			if !strings.Contains(said, tt.said) || tt.said == "" && strings.Contains(said, "unhealthy") {
				t.Errorf("adopt said\n%s", said)
			}
			tt.o.Sites, tt.o.Name = []string{w.site}, "myapp"
			take, _, err := w.planAdopt(t.Context(), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.planEdits(t.Context(), tt.o, &take[0]); err != nil {
				t.Fatal(err)
			}
			w.tcp(take[0])
			if err := w.adopt(t.Context(), tt.o, take[0]); err != nil {
				t.Fatal(err)
			}
			app, err := w.Paths.ReadApp("myapp")
			if err != nil || app.Health != tt.health || !slices.Equal(app.HealthHeaders, tt.headers) {
				t.Errorf("app %q %q, %v", app.Health, app.HealthHeaders, err)
			}
			r, err := w.Paths.ReadRelease("myapp", 1)
			if err != nil || r.Health != tt.health || !slices.Equal(r.HealthHeaders, tt.headers) {
				t.Errorf("release %q %q, %v", r.Health, r.HealthHeaders, err)
			}
			a, err := adoption.Read(w.Paths, "myapp")
			if err != nil || a.Health != strings.TrimPrefix(tt.health, "connect") || !slices.Equal(a.Headers, tt.headers) {
				t.Errorf("record %q %q, %v", a.Health, a.Headers, err)
			}
		})
	}
}

// A check of the image's that fails in the new container can be left out.
func TestAdoptHintsAtTheHealthCheck(t *testing.T) {
	for _, checked := range []bool{true, false} {
		w := newCopies(t, 1, "")
		if checked {
			w.set("web-1", func(c *docker.Container) { c.Healthcheck = &docker.Healthcheck{Command: []string{"curl"}} })
		}
		to, err := w.begin()
		if err != nil {
			t.Fatal(err)
		}
		w.Sick["sha256:v1"], to.o.Timeout = true, 300*time.Millisecond
		err = w.adopt(t.Context(), to.o, to.candidate)
		if outcome.ExitCode(err) != outcome.ExitFailed {
			t.Fatalf("%v", err)
		}
		if strings.Contains(hint.Text(err), "--health connect only its port") != checked {
			t.Errorf("checked %v: %v", checked, err)
		}
	}
}

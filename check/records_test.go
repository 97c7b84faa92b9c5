package check

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets"
)

// realApp writes the state of an adopted app with edgeman's own functions.
func realApp(t *testing.T) (state.Paths, *world) {
	t.Helper()
	w := newWorld(t)
	p := state.Paths{Etc: filepath.Join(w.root, "etc"), Var: filepath.Join(w.root, "var"), Run: filepath.Join(w.root, "run")}
	w.must(p.MakeApp("myapp"))
	intent := state.DefaultApp("myapp")
	intent.Listeners, intent.Image = []state.Listener{state.PortListener(8080)}, "myapp"
	w.must(p.WriteApp(intent))
	r := state.Release{App: "myapp", Image: "myapp:v1", ImageID: "sha256:1"}
	w.must(p.WriteRelease(&r))
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	w.must(p.FillSlot(blue, r.Number))
	w.must(sockets.SwitchLive(p.Live("myapp"), p.Run, blue))
	w.must(p.WriteSlotStatus(blue, state.SlotStatus{Phase: state.PhaseHealthy, Since: base, Exits: 2}))
	plan := nginxconf.Plan{Files: []nginxconf.FileEdit{{
		Path: "/etc/nginx/sites-available/a", Before: []byte("a"), After: []byte("b"), BeforeSum: hexSum([]byte("a")), AfterSum: hexSum([]byte("b")),
	}}}
	w.must(adoption.Write(p, adoption.Record{
		App: "myapp", Site: "/etc/nginx/sites-available/a", Plan: &plan, Others: []adoption.Original{{Container: "web-2"}},
	}, []json.RawMessage{json.RawMessage("{}"), json.RawMessage("{}")}))
	return p, w
}

func oneApp(t *testing.T, p state.Paths) app {
	t.Helper()
	apps, err := Records(p)()
	if err != nil || len(apps) != 1 {
		t.Fatalf("%d apps, %v", len(apps), err)
	}
	return apps[0]
}

// One app's broken file hides that app, and no other.
func TestUnreadableApp(t *testing.T) {
	p, w := realApp(t)
	w.must(p.MakeApp("other"))
	w.must(os.WriteFile(p.AppConfig("other"), []byte("mode = 5\n"), 0o600))
	w.units["edgeman@myapp:blue.service"] = Unit{Active: "failed"}
	w.units["edgeman@myapp:blue.socket"] = Unit{Active: "active", FileState: "enabled"}
	w.env.Apps = Records(p)
	for _, sites := range [][]string{nil, {"other"}} {
		w.opt.Sites = sites
		r := w.run()
		if f := r.find("app-down"); (len(f) == 1) != (sites == nil) {
			t.Errorf("sites %q: the readable app's fault was found %d times: %+v", sites, len(f), r.Findings)
		}
		blind := r.find(codeBlind)
		if len(blind) != 1 || blind[0].Subject != (Subject{"app", "other"}) || !strings.Contains(blind[0].Message, "records of other cannot be read") {
			t.Errorf("sites %q: %+v", sites, blind)
		}
	}
}

func TestRecords(t *testing.T) {
	p, _ := realApp(t)
	a := oneApp(t, p)
	s := a.live()
	if a.Name != "myapp" || s == nil || !s.Filled || s.Release != 1 || !slices.Equal(s.Containers, []string{"myapp-blue-1"}) || s.ImageID != "sha256:1" || s.Phase != "healthy" || s.Exits != 2 {
		t.Errorf("app %+v", a)
	}
	if a.Missing != "" || a.Interrupted != "" || a.Busy != "" || len(a.Edits) != 1 || a.Drain != time.Minute {
		t.Errorf("app %+v", a)
	}
}

func TestRecordsOfWorkUnderWay(t *testing.T) {
	p, w := realApp(t)
	w.must(p.BeginStep("myapp", state.Operation{Name: "swap", Step: "switch"}))
	lock, err := p.TakeLock(context.Background(), "myapp", "swap", time.Second)
	w.must(err)
	if a := oneApp(t, p); a.Busy != "swap" || a.Interrupted != "" {
		t.Errorf("under way: %+v", a)
	}
	lock.Unlock()
	if a := oneApp(t, p); a.Busy != "" || !strings.Contains(a.Interrupted, `swap at step "switch"`) {
		t.Errorf("killed: %+v", a)
	}
	w.must(p.BeginStep("myapp", state.Operation{Name: "adopt", Step: "slot"}))
	if a := oneApp(t, p); !a.Adopting {
		t.Errorf("adopt killed: %+v", a)
	}
	w.must(p.EndOperation("myapp"))
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	w.must(p.SetNext(blue, 1))
	w.must(p.SetPause(blue, state.Pause{Until: base, Reason: "pause"}))
	if a := oneApp(t, p); a.Interrupted != "" || a.Adopting || !a.live().NextPending || !a.live().PauseUntil.Equal(base) {
		t.Errorf("pending: %+v", a)
	}
}

func TestRecordsOfAWayBackThatIsGone(t *testing.T) {
	for name, breakIt := range map[string]func(p state.Paths) error{
		"no record":    func(p state.Paths) error { return os.Remove(filepath.Join(p.Site("myapp"), "adoption.json")) },
		"no container": func(p state.Paths) error { return os.Remove(filepath.Join(p.Site("myapp"), "container.json")) },
		"no second":    func(p state.Paths) error { return os.Remove(p.Original("myapp", 1)) },
		"torn":         func(p state.Paths) error { return os.Truncate(filepath.Join(p.Site("myapp"), "container.json"), 1) },
		"damaged bytes": func(p state.Paths) error {
			path := filepath.Join(p.Site("myapp"), "adoption.json")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.Replace(string(data), hexSum([]byte("b")), hexSum([]byte("c")), 1)), 0o600)
		},
		"no plan": func(p state.Paths) error {
			return os.WriteFile(filepath.Join(p.Site("myapp"), "adoption.json"), []byte("{}"), 0o600)
		},
	} {
		p, w := realApp(t)
		w.must(breakIt(p))
		if a := oneApp(t, p); a.Missing == "" {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestRecordsReadOnly(t *testing.T) {
	p, w := realApp(t)
	before := tree(t, w.root)
	oneApp(t, p)
	if after := tree(t, w.root); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
}

// tree lists every file below dir with size and time.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

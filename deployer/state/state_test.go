package state

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeman/deployer/hint"
	"edgeman/sockets"
)

func testPaths(t *testing.T) Paths {
	t.Helper()
	dir := t.TempDir()
	p := Paths{Etc: filepath.Join(dir, "etc"), Var: filepath.Join(dir, "var"), Run: filepath.Join(dir, "run")}
	if err := p.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	return p
}

var blue = sockets.Slot{App: "myapp", Color: sockets.Blue}

func TestReleasesAreNumberedAndNeverOverwritten(t *testing.T) {
	p := testPaths(t)
	first := Release{App: "myapp", Image: "myapp:v1", Env: []string{"SECRET=x"}}
	second := Release{App: "myapp", Image: "myapp:v2"}
	for want, r := range []*Release{&first, &second} {
		if err := p.WriteRelease(r); err != nil {
			t.Fatal(err)
		}
		if r.Number != want+1 {
			t.Errorf("release number %d, want %d", r.Number, want+1)
		}
	}
	if err := p.RemoveRelease("myapp", 1); err != nil {
		t.Fatal(err)
	}
	third := Release{App: "myapp", Image: "myapp:v3"}
	if err := p.WriteRelease(&third); err != nil || third.Number != 3 {
		t.Errorf("after a removal: number %d, %v; want 3", third.Number, err)
	}
	if _, err := p.ReadRelease("myapp", 1); !errors.Is(err, ErrNoRelease) {
		t.Errorf("reading a removed release: %v, want ErrNoRelease", err)
	}
	st, err := os.Stat(p.Release("myapp", 2))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; a record can hold secrets", st.Mode(), err)
	}
}

func TestSlotLinks(t *testing.T) {
	p := testPaths(t)
	for range 2 {
		if err := p.WriteRelease(&Release{App: "myapp", Image: "myapp:v1"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, filled, err := p.SlotRelease(blue); filled || err != nil {
		t.Fatalf("a new slot: filled %v, %v", filled, err)
	}
	if err := p.FillSlot(blue, 1); err != nil {
		t.Fatal(err)
	}
	if err := p.SetNext(blue, 2); err != nil {
		t.Fatal(err)
	}
	if r, _, err := p.SlotRelease(blue); err != nil || r.Number != 1 {
		t.Fatalf("slot runs %d, %v; want 1 until next is promoted", r.Number, err)
	}
	if err := p.Promote(t.Context(), blue, 1); !errors.Is(err, ErrNotNext) {
		t.Errorf("promoting a release that is not next: %v", err)
	}
	if err := p.Promote(t.Context(), blue, 2); err != nil {
		t.Fatal(err)
	}
	if err := p.Promote(t.Context(), blue, 2); !errors.Is(err, ErrNotNext) {
		t.Errorf("promoting without a next release: %v", err)
	}
	r, filled, err := p.SlotRelease(blue)
	if err != nil || !filled || r.Number != 2 {
		t.Fatalf("slot runs %d, %v, %v; want 2", r.Number, filled, err)
	}
	if _, pending, err := p.NextRelease(blue); pending || err != nil {
		t.Errorf("next is still there after its promotion: %v", err)
	}
	for range 2 { // twice: emptying an empty slot is no error
		if err := p.EmptySlot(blue); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.SetNext(blue, 2); err != nil {
		t.Fatal(err)
	}
	if err := p.Promote(t.Context(), blue, 2); !errors.Is(err, ErrNotNext) {
		t.Errorf("filling an empty slot by a promotion: %v", err)
	}
	if err := p.FillSlot(blue, 9); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.SlotRelease(blue); !errors.Is(err, ErrNoRelease) {
		t.Errorf("a link to a missing record: %v, want ErrNoRelease", err)
	}
}

func TestRunIsMadeWhenItIsMissing(t *testing.T) {
	uses := map[string]func(p Paths) error{
		"set drain":    func(p Paths) error { return p.SetDrain(blue, Drain{}) },
		"clear drain":  func(p Paths) error { return p.ClearDrain(blue) },
		"read drain":   func(p Paths) error { _, _, err := p.ReadDrain(blue); return err },
		"write status": func(p Paths) error { return p.WriteSlotStatus(blue, SlotStatus{}) },
		"read status":  func(p Paths) error { _, _, err := p.ReadSlotStatus(blue); return err },
		"clear status": func(p Paths) error { return p.clearSlotStatus(blue) },
	}
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			p := testPaths(t)
			if err := os.Remove(p.Run); err != nil {
				t.Fatal(err)
			}
			if err := use(p); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPauseEndsByItself(t *testing.T) {
	p := testPaths(t)
	if err := p.SetPause(blue, Pause{Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, paused, err := p.ReadPause(blue); !paused || err != nil {
		t.Errorf("paused = %v, %v", paused, err)
	}
	if err := p.SetPause(blue, Pause{Until: time.Now().Add(-time.Second)}); err != nil {
		t.Fatal(err)
	}
	if _, paused, err := p.ReadPause(blue); paused || err != nil {
		t.Errorf("past its deadline: paused = %v, %v", paused, err)
	}
}

func TestAppFile(t *testing.T) {
	tests := []struct {
		name string
		file string
		mode os.FileMode
		want string // in the error; empty: none
	}{
		{"least", "ports = [\"8080\"]\nimage = \"myapp\"\n", 0o644, ""},
		{"durations", "ports = [\"1\"]\n[drain]\ntimeout = \"5m\"\n", 0o600, ""},
		{"unknown setting is named with its line", "ports = [\"1\"]\n[drain]\ntimeuot = \"5m\"\n", 0o600, ":3:1: unknown setting \"drain.timeuot\"\nmyapp serves as before\nhint: did you mean drain.timeout?"},
		{"setting at the end of the file", "ports = [\"1\"]\n[proxy]\nreplicas = 2\n", 0o600, "hint: replicas belongs above the first [table] of the file"},
		{"setting without its table", "ports = [\"1\"]\nreload = true\n", 0o600, "hint: did you mean drain.reload? it belongs below [drain]"},
		{"unknown setting that is near to none", "ports = [\"1\"]\nlisten = 5\n", 0o600, "hint: there are mode, strategy, ports,"},
		{"no value", "port = \n", 0o600, ".toml:1:8: a value is missing behind the =\nmyapp serves as before"},
		{"no value at the end", "port =", 0o600, ".toml:1:6: a value is missing behind the ="},
		{"no quotes", "ports = [\"1\"]\nhealth = /x\n", 0o600, `.toml:2:10: text needs quotes, as in "abc"`},
		{"no address", "ports = [\"1\"]\n[proxy]\nsource = \"10.0.0.300\"\n", 0o600, `.toml:3:10: "10.0.0.300" is not an IP address`},
		{"no port number", "ports = [\"99999\"]\n", 0o600, ".toml:1:10: \"99999\" is neither a port nor NAME:PORT"},
		{"a port without quotes", "ports = [8080]\n", 0o600, ""},
		{"another port than the socket's", "ports = [\"8069:9069\", \"8072\"]\n", 0o600, ""},
		{"a port twice", "ports = [\"8069:1\", \"8069\"]\n", 0o600, "ports: 8069 is there twice"},
		{"health of a port", "ports = [\"8069\", \"8072\"]\nhealth = \":8072/up\"\n", 0o600, ""},
		{"health of another port", "ports = [\"8069\"]\nhealth = \":8072/up\"\n", 0o600, "names port 8072, which is none of ports: 8069"},
		{"health of a port without a path", "ports = [\"8069\"]\nhealth = \":8069\"\n", 0o600, "has no path behind the port"},
		{"bad duration", "ports = [\"1\"]\n[drain]\ntimeout = \"soon\"\n", 0o600, ".toml:3:"},
		{"duration in words", "ports = [\"1\"]\nidle = \"5 minutes\"\n", 0o600, `.toml:2:8: "5 minutes" is not a duration such as "90s" or "5m"`},
		{"duration without a unit", "ports = [\"1\"]\nkeep_warm = 5\n", 0o600, "keep_warm lacks a unit"},
		{"text for a number", "ports = [\"1\"]\nretain = \"x\"\n", 0o600, ".toml:2:10: want a number, not string"},
		{"text for a list", "ports = [\"1\"]\ncommand = \"x\"\n", 0o600, ".toml:2:11: want a list of strings, not string"},
		{"text for a switch", "ports = [\"1\"]\n[drain]\nreload = \"x\"\n", 0o600, "want true or false, not string"},
		{"number for text", "ports = [\"1\"]\nhealth = 5\n", 0o600, "want a string, not integer"},
		{"environment without a value", "ports = [\"1\"]\nenv = [\"A\"]\n", 0o600, "env: want a list"},
		{"negative duration", "ports = [\"1\"]\n[drain]\ntimeout = \"-1s\"\n", 0o600, "negative duration"},
		{"no port", "mode = \"proxy\"\n", 0o600, "ports is missing"},
		{"strategy", "ports = [\"1\"]\nstrategy = \"hope\"\n", 0o600, "strategy \"hope\""},
		{"loopback peer", "ports = [\"1\"]\n[proxy]\nsource = \"127.0.0.1\"\n", 0o600, "not a usable"},
		{"health is a path", "ports = [\"1\"]\nhealth = \"http://x/\"\n", 0o600, "must begin with a slash"},
		{"health by a connect", "ports = [\"1\"]\nhealth = \"connect\"\n", 0o600, ""},
		{"health with white space", "ports = [\"1\"]\nhealth = \"/a b\"\n", 0o600, "holds white space"},
		{"headers", "ports = [\"1\"]\nhealth_headers = [\"Host: example.com\", \"X-Forwarded-Proto: https\"]\n", 0o600, ""},
		{"no header", "ports = [\"1\"]\nhealth_headers = [\"Host: a\", \"example.com\"]\n", 0o600, "health_headers: header 2 is not of the form"},
		{"a header of two lines", "ports = [\"1\"]\nhealth_headers = [\"Host: a\\r\\nX: y\"]\n", 0o600, "header Host holds control characters"},
		{"a header that is not for choosing", "ports = [\"1\"]\nhealth_headers = [\"content-length: 5\"]\n", 0o600, "content-length is not for choosing"},
		{"too few releases", "ports = [\"1\"]\nretain = 1\n", 0o600, "retain = 1"},
		{"writable by others", "ports = [\"1\"]\n", 0o666, "chmod go-w"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testPaths(t)
			path := p.AppConfig("myapp")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := p.ReadApp("myapp")
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(hint.Text(err), tt.want) {
				t.Errorf("ReadApp: %v; want %q", err, tt.want)
			}
			if bad := new(SettingsError); err != nil && (!errors.As(err, &bad) || !strings.Contains(hint.Text(err), "\nmyapp serves as before")) {
				t.Errorf("%v does not say what serves", err)
			}
		})
	}
	p := testPaths(t)
	if _, err := p.ReadApp("myapp"); !errors.Is(err, ErrNoApp) {
		t.Errorf("no file: %v, want ErrNoApp", err)
	}
	if _, err := p.ReadApp("../etc/passwd"); err == nil {
		t.Error("a path was accepted as a name")
	}
}

func TestAppRoundTrip(t *testing.T) {
	p := testPaths(t)
	a := DefaultApp("myapp")
	a.Listeners, a.Image, a.Health, a.Env = []Listener{PortListener(8080)}, "registry.example:5000/myapp", "/healthz", []string{"A=b c"}
	a.KeepWarm = Duration(10 * time.Minute)
	if err := p.WriteApp(a); err != nil {
		t.Fatal(err)
	}
	got, err := p.ReadApp("myapp")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, got, cmp.Comparer(func(x, y Duration) bool { return x == y }), cmp.Transformer("addr", func(x interface{ String() string }) string { return x.String() })); d != "" {
		t.Errorf("read back otherwise (-want +got):\n%s", d)
	}
}

// What is not set stands in the file as a comment, so that people find it; taken
// in as it stands there, it is valid.
func TestAppFileShowsEverySetting(t *testing.T) {
	p := testPaths(t)
	a := DefaultApp("myapp")
	a.Listeners, a.Image = []Listener{PortListener(8080)}, "myapp"
	for _, set := range []bool{false, true} {
		if err := p.WriteApp(a); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(p.AppConfig("myapp"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, name := range settingNames() {
			table, key, ok := strings.Cut(name, ".")
			if !ok {
				table, key = "", name
			}
			explained := regexp.MustCompile(`(?m)^# \S.+\n(# )?` + key + ` = .+$`)
			if _, below, found := strings.Cut("\n[]\n"+text, "["+table+"]\n"); !found || !explained.MatchString(below) {
				t.Errorf("no line explains and shows %s in\n%s", name, text)
			}
		}
		if commented := strings.Contains(text, "# blocking = true"); commented == set {
			t.Errorf("set: %v; the file is\n%s", set, text)
		}
		if got, err := p.ReadApp("myapp"); err != nil || got.Native.Blocking != set || (got.Health != "") != set || (len(got.Command) > 0) != set {
			t.Errorf("read %+v, %v", got, err)
		}
		uncommented := regexp.MustCompile(`(?m)^# (\[native\]$|\w+ = )`).ReplaceAllString(text, "$1")
		if err := os.WriteFile(p.AppConfig("myapp"), []byte(uncommented), 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err = p.ReadApp("myapp"); err != nil || a.Idle == 0 || !a.Drain.Reload || !a.Native.Blocking {
			t.Errorf("with all comments taken in: %+v, %v", a, err)
		}
	}
}

func TestEnvironmentNeverQuotesTheFile(t *testing.T) {
	p := testPaths(t)
	a := DefaultApp("myapp")
	a.Env = []string{"A=1"}
	a.EnvFile = filepath.Join(p.Etc, "env")
	write := func(s string) {
		if err := os.WriteFile(a.EnvFile, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# comment\n\nB=two words\r\nC==\n")
	env, err := a.Environment()
	if d := cmp.Diff([]string{"A=1", "B=two words", "C=="}, env); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	write("B=1\nhunter2\n")
	if _, err = a.Environment(); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("error %v; want line 2 named and not quoted", err)
	}
}

func TestHistorySurvivesATornLine(t *testing.T) {
	p := testPaths(t)
	for i := range 2 {
		if err := p.Record("myapp", Event{Operation: "swap", Release: i + 1, Outcome: Done}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(p.App("myapp"), "history.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"operation":"sw`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	events, err := p.History("myapp")
	if err != nil || len(events) != 2 || events[1].Release != 2 {
		t.Errorf("events %v, %v; want the two whole ones", events, err)
	}
	if err := p.Record("myapp", Event{Operation: "swap", Release: 3, Outcome: Done}); err != nil {
		t.Fatal(err)
	}
	events, err = p.History("myapp")
	if err != nil || len(events) != 3 || events[2].Release != 3 {
		t.Errorf("events %v, %v; want one more", events, err)
	}
}

func TestSetModeChangesNothingElse(t *testing.T) {
	tests := []struct{ before, after string }{
		{"# mine\nmode = \"proxy\" # x\nports = [\"1\"]\n[drain]\ntimeout = \"5s\"\n", "# mine\nmode = \"native\"\nports = [\"1\"]\n[drain]\ntimeout = \"5s\"\n"},
		{"ports = [\"1\"]\n", "mode = \"native\"\nports = [\"1\"]\n"},
		{"ports = [\"1\"]\n[proxy]\n  mode = 1\n", "mode = \"native\"\nports = [\"1\"]\n[proxy]\n  mode = 1\n"},
	}
	for _, tt := range tests {
		p := testPaths(t)
		if err := os.WriteFile(p.AppConfig("myapp"), []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.SetMode("myapp", "native"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p.AppConfig("myapp"))
		if d := cmp.Diff(tt.after, string(got)); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
	}
}

func TestNumbersOfForgottenReleasesAreNotUsedAgain(t *testing.T) {
	p := testPaths(t)
	if err := p.Record("myapp", Event{Operation: "swap", Release: 4, Outcome: Failed}); err != nil {
		t.Fatal(err)
	}
	r := Release{App: "myapp"}
	if err := p.WriteRelease(&r); err != nil || r.Number != 5 {
		t.Errorf("number %d, %v; want 5", r.Number, err)
	}
}

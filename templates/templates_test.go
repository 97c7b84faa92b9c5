package templates

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func all(t *testing.T) []File {
	t.Helper()
	p := Params{Binary: "/usr/local/bin/edgeman", Group: "www-data"}
	units, err := Render(p)
	if err != nil {
		t.Fatal(err)
	}
	check, err := RenderCheck(p)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := RenderListeners("edgeman@i.socket", []string{"8069", "8072"})
	if err != nil {
		t.Fatal(err)
	}
	return append(append(units, check...), listeners)
}

func TestGolden(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range all(t) {
		name := filepath.Base(f.Path) + ".golden"
		seen[name] = true
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, f.Content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.Content)); diff != "" {
			t.Errorf("%s (-want +got, go test -update writes it anew):\n%s", f.Path, diff)
		}
		if f.Mode != 0o644 {
			t.Errorf("%s: mode %o, want 644", f.Path, f.Mode)
		}
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !seen[e.Name()] {
			t.Errorf("testdata/%s belongs to no template", e.Name())
		}
	}
}

func TestEveryTemplateIsRendered(t *testing.T) {
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(all(t)); got != len(entries) {
		t.Errorf("%d files rendered, %d embedded", got, len(entries))
	}
}

func TestParamsReachTheUnits(t *testing.T) {
	out, err := Render(Params{Binary: "/opt/edgeman", Group: "nginx", Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"\nSocketGroup=nginx\nSocketMode=0666\n", "\nExecStart=/opt/edgeman serve %i\n"} {
		if !strings.Contains(string(out[i].Content), want) {
			t.Errorf("%s lacks %q", out[i].Path, want)
		}
	}
}

func TestBadParams(t *testing.T) {
	good := Params{Binary: "/usr/local/bin/edgeman", Group: "www-data"}
	for name, change := range map[string]func(*Params){
		"relative binary":     func(p *Params) { p.Binary = "edgeman" },
		"binary with a space": func(p *Params) { p.Binary = "/opt/my tools/edgeman" },
		"binary with %":       func(p *Params) { p.Binary = "/opt/%i/edgeman" },
		"no group":            func(p *Params) { p.Group = "" },
		"group with newline":  func(p *Params) { p.Group = "a\nExecStart=/bin/sh" },
		"setuid mode":         func(p *Params) { p.Mode = 0o4660 },
	} {
		p := good
		change(&p)
		if _, err := Render(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestSystemdAccepts lets systemd itself read the units.
func TestSystemdAccepts(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here: the units were not checked by systemd")
	}
	dir := t.TempDir()
	var names []string
	for _, f := range all(t) {
		base := filepath.Base(f.Path)
		switch filepath.Ext(base) {
		case "": // the cron file
			continue
		case ".conf": // of the instance that systemd-analyze makes of a template
			base = f.Path
			if err := os.Mkdir(filepath.Join(dir, filepath.Dir(base)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		// The program need not be installed where the test runs.
		content := strings.ReplaceAll(string(f.Content), "/usr/local/bin/edgeman", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, base), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if base != f.Path {
			names = append(names, filepath.Join(dir, base))
		}
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, names...)...).CombinedOutput()
	var complaints []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) || strings.Contains(line, "edgeman") {
			complaints = append(complaints, line)
		}
	}
	if err != nil || len(complaints) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

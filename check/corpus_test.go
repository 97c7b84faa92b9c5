package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/nginxconf"
)

// Other people's configurations: no rule breaks down, and none but a notice
// cries at more than a third of them.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("EDGEMAN_NGINX_CORPUS")
	if dir == "" {
		dir = "../../shared/corpus/nginx"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus: set EDGEMAN_NGINX_CORPUS to a directory of nginx configurations (%v)", err)
	}
	read, refused := 0, 0
	loud, heard := map[string]int{}, map[string]int{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, ok := lintFile(t, string(data))
		if !ok {
			refused++
			return nil
		}
		read++
		for code, s := range worstByCode(r) {
			heard[code]++
			if s > Notice {
				loud[code]++
			}
		}
		for _, f := range r.find(codeBlind) {
			if f.Subject.Kind == "rule" {
				t.Errorf("%s: %s", path, f.Message)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d configurations read, %d refused as nginx would", read, refused)
	for _, rule := range Rules() {
		if n := heard[rule.Code]; n > 0 {
			t.Logf("%-26s %4d, as warning or worse %4d", rule.Code, n, loud[rule.Code])
		}
		if loud[rule.Code]*3 > read {
			t.Errorf("%s cries at %d of %d configurations", rule.Code, loud[rule.Code], read)
		}
	}
}

// lintFile judges one file as if it were part of a running nginx. A file may be
// a whole configuration, a site, or the inside of one. Includes, certificates
// and upstreams are not there to be found, so what is said of them is left out.
func lintFile(t *testing.T, text string) (Report, bool) {
	t.Helper()
	lines := strings.Split(text, "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "include ") })
	text = strings.Join(lines, "\n")
	w := newWorld(t)
	w.env.Units, w.env.Docker, w.env.Dial, w.opt.Settings.Lint = nil, nil, nil, true
	w.write("/etc/nginx/nginx.conf", text)
	config, err := nginxconf.Load(w.env.FS, w.facts.Main)
	if err != nil {
		return Report{}, false
	}
	before, after := wrapping(config.Root())
	w.write("/etc/nginx/nginx.conf", before+text+after)
	r := w.run()
	absent := []string{"cert-missing", "upstream-dead"}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return slices.Contains(absent, f.Code) })
	return r, !blindToFile(r)
}

// wrapping is what a piece of configuration has to stand in.
func wrapping(root *node) (before, after string) {
	names := map[string]bool{}
	for _, c := range root.Children() {
		names[c.Name()] = true
	}
	switch {
	case names["http"] || names["stream"] || names["mail"] || names["events"]:
		return "", ""
	case names["server"] || names["upstream"] || names["map"] || names["log_format"]:
		return "events {}\nhttp {\n", "\n}\n"
	}
	return "events {}\nhttp { server {\n", "\n} }\n"
}

func blindToFile(r Report) bool {
	return slices.ContainsFunc(r.find(codeBlind), func(f Finding) bool { return f.Subject.Kind == "file" })
}

func worstByCode(r Report) map[string]Severity {
	out := map[string]Severity{}
	for _, f := range r.Findings {
		out[f.Code] = max(out[f.Code], f.Severity)
	}
	return out
}

package nginxconf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"edgeman/nginxconf/internal/route"
)

// corpusFiles returns real configuration files by path, or skips.
func corpusFiles(tb testing.TB) map[string]string {
	dir := os.Getenv("EDGEMAN_NGINX_CORPUS")
	if dir == "" {
		dir = "../../shared/corpus/nginx"
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no corpus of nginx configurations: %v (set EDGEMAN_NGINX_CORPUS)", err)
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "SOURCES.txt" {
			var b []byte
			b, err = os.ReadFile(path)
			files[path] = string(b)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// lenientFS answers every unknown file with an empty one.
type lenientFS struct{ memFS }

func (l lenientFS) ReadFile(path string) ([]byte, error) {
	if _, ok := l.memFS[path]; !ok {
		return nil, nil
	}
	return l.memFS.ReadFile(path)
}

func (l lenientFS) EvalSymlinks(path string) (string, error) {
	if _, ok := l.memFS[path]; !ok {
		return filepath.Clean(path), nil
	}
	return l.memFS.EvalSymlinks(path)
}

// frame returns a main configuration in which a file has its place, by the
// directives at its top.
func frame(text, path string) string {
	top := func(name string) bool {
		return regexp.MustCompile(`(?m)^\s*` + name + `\b`).MatchString(text)
	}
	switch {
	case top(`http\s*\{`) || top(`stream\s*\{`) || top(`events`):
		return ""
	case top("server") || top("upstream") || top("map") || !top("location"):
		return "events {}\nhttp { include " + path + "; }\n"
	}
	return "events {}\nhttp { server { include " + path + "; } }\n"
}

func TestCorpusPlans(t *testing.T) {
	files := corpusFiles(t)
	var unread, planned, together, refused int
	classes, reasons := map[route.Class]int{}, map[string]int{}
	for path, text := range files {
		main := frame(text, "/site")
		m := lenientFS{memFS{"/site": text}}
		site, mainPath := "/site", "/nginx.conf"
		if main == "" {
			mainPath = "/site"
		} else {
			m.memFS["/nginx.conf"] = main
		}
		c, err := Load(m, mainPath)
		if err != nil {
			unread++
			continue
		}
		targets, err := c.Targets(site)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for _, app := range c.Together(targets) {
			tg := app[0]
			if len(app) > 1 {
				together++
			}
			for _, v := range []Version{{1, 18, 0}, {1, 22, 1}, {1, 31, 5}} {
				o := testOptions
				o.NginxVersion = v
				p, err := c.Plan(o, app...)
				var r *Refusal
				if errors.As(err, &r) {
					refused++
					reasons[regexp.MustCompile(`"[^"]*"|[0-9.:]+`).ReplaceAllString(r.Reason, "_")]++
					if strings.Contains(r.Hint(), "please report") {
						t.Errorf("%s: %v", path, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", path, err)
					continue
				}
				planned++
				classes[tg.Class]++
				checkRevert(t, p)
			}
		}
	}
	t.Logf("%d files, %d not read, %d plans %v, %d apps of several servers, %d refusals", len(files), unread, planned, classes, together, refused)
	if planned < 300 || unread > 30 {
		t.Errorf("%d plans, %d files not read", planned, unread)
	}
	var list []string
	for r, n := range reasons {
		list = append(list, fmt.Sprintf("%5d %s", n, r))
	}
	sort.Sort(sort.Reverse(sort.StringSlice(list)))
	t.Logf("refusals:\n%s", strings.Join(list[:min(len(list), 30)], "\n"))
}

// TestCorpusStaysValid plans every target of every real file that nginx
// accepts here, and asks nginx about the result.
func TestCorpusStaysValid(t *testing.T) {
	if testing.Short() {
		t.Skip("runs nginx -t some thousand times")
	}
	bin, v, mods := nginxBinary(t)
	dir := t.TempDir()
	cert(t, dir)
	var tried, valid, edits int
	for path, text := range corpusFiles(t) {
		if !strings.Contains(text, "_pass") {
			continue
		}
		tried++
		s := &sample{t: t, bin: bin, dir: dir, mods: mods, text: text}
		if !s.heal() {
			continue
		}
		valid++
		edits += s.plans(path, v)
	}
	t.Logf("%d files with a pass, %d valid here, %d edits, all valid after", tried, valid, edits)
	if valid < 50 || edits < 50 {
		t.Errorf("only %d valid files and %d edits", valid, edits)
	}
}

// sample is one real file and a directory in which nginx can test it.
type sample struct {
	t         *testing.T
	bin, dir  string
	mods      string
	text      string
	main      string
	lastError string
}

func (s *sample) write() {
	site := s.dir + "/site"
	s.main = site
	if f := frame(s.text, site); f != "" {
		s.main = s.dir + "/nginx.conf"
		os.WriteFile(s.main, []byte(s.mods+"user root; error_log "+s.dir+"/error.log; pid "+s.dir+"/pid;\n"+f), 0o644)
	}
	os.WriteFile(site, []byte(s.text), 0o644)
}

func (s *sample) test() bool {
	out, err := exec.Command(s.bin, "-t", "-q", "-p", s.dir, "-c", s.main).CombinedOutput()
	s.lastError = string(out)
	return err == nil
}

// cures are faults of the place, not of the file: what is missing here is
// replaced by something that exists.
var cures = []struct {
	pattern *regexp.Regexp
	cure    func(s *sample, word string) string
}{
	{regexp.MustCompile(`cannot load certificate key "([^"]+)"`), func(s *sample, _ string) string { return s.dir + "/key.pem" }},
	{regexp.MustCompile(`cannot load certificate "([^"]+)"`), func(s *sample, _ string) string { return s.dir + "/cert.pem" }},
	{regexp.MustCompile(`open\(\) "([^"]+)" failed`), func(s *sample, _ string) string { return s.dir + "/empty" }},
	{regexp.MustCompile(`host not found in upstream "([^":]+)`), func(*sample, string) string { return "127.0.0.1" }},
	{regexp.MustCompile(`BIO_new_file\("([^"]+)"`), func(s *sample, _ string) string { return s.dir + "/cert.pem" }},
	{regexp.MustCompile(`SSL_CTX_load_verify_locations\("([^"]+)"`), func(s *sample, _ string) string { return s.dir + "/cert.pem" }},
	{regexp.MustCompile(`mkdir\(\) "([^"]+)" failed`), func(s *sample, _ string) string { return s.dir + "/made" }},
	{regexp.MustCompile(`getpwnam\("([^"]+)"\)`), func(*sample, string) string { return "root" }},
}

// heal changes the file until nginx accepts it, within limits.
func (s *sample) heal() bool {
	for range 40 {
		s.write()
		if s.test() {
			return true
		}
		old := s.text
		for _, c := range cures {
			m := c.pattern.FindStringSubmatch(s.lastError)
			if m == nil {
				continue
			}
			for _, word := range []string{m[1], strings.TrimPrefix(m[1], s.dir+"/")} {
				if word != "" && strings.Contains(s.text, word) && word != c.cure(s, word) {
					s.text = strings.ReplaceAll(s.text, word, c.cure(s, word))
					break
				}
			}
			break
		}
		if s.text == old {
			return false
		}
	}
	return false
}

func (s *sample) plans(path string, v Version) int {
	c, err := Load(diskFS{}, s.main)
	if err != nil {
		s.t.Errorf("%s: nginx accepts the file, and %v", path, err)
		return 0
	}
	targets, err := c.Targets(s.dir + "/site")
	if err != nil {
		s.t.Errorf("%s: %v", path, err)
	}
	n := 0
	for _, app := range c.Together(targets) {
		o := testOptions
		o.NginxVersion = v
		p, err := c.Plan(o, app...)
		if err != nil {
			continue
		}
		for _, f := range p.Files {
			os.WriteFile(f.Path, f.After, 0o644)
		}
		if !s.test() {
			s.t.Errorf("%s: %s\n%s", path, s.lastError, p.Diff())
		}
		for _, f := range p.Files {
			os.WriteFile(f.Path, f.Before, 0o644)
		}
		n++
	}
	return n
}

// cert writes a self-signed certificate, its key, and an empty file.
func cert(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x",
		"-keyout", dir+"/key.pem", "-out", dir+"/cert.pem").CombinedOutput()
	if err != nil {
		t.Skipf("no certificate: %v: %s", err, out)
	}
	if err := os.WriteFile(dir+"/empty", nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

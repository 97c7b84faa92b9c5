package unadopt

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/nginxconf"
)

// tree is an nginx configuration in a directory of its own; $DIR in a file is
// that directory. The site is "site".
type tree map[string]string

var (
	twoFiles = tree{
		"site":        "server {\n    include $DIR/snip/*.conf;\n    location / { proxy_pass http://127.0.0.1:1; }\n}\n",
		"snip/a.conf": "location /api/ {\n\tproxy_pass http://127.0.0.1:1;\n\tproxy_set_header X-Snip 1;\n}\n",
	}
	snippetOnly = tree{
		"site":        "server {\n    include $DIR/snip/*.conf;\n    location / { return 204; }\n}\n",
		"snip/a.conf": "set $api http://127.0.0.1:1;\nlocation /api/ {\n\tproxy_pass $api;\n}\n",
	}
	ofTwoSites = tree{
		"site":   "server { location / { include $DIR/pass; } }\n",
		"site.b": "server { listen 81; location /b { include $DIR/pass; proxy_set_header X-B b; } }\n",
		"pass":   "proxy_pass http://127.0.0.1:1;\nproxy_set_header X-Real-IP $remote_addr;\n",
	}
	serverLine = tree{
		"site":   "upstream a { include $DIR/active; keepalive 8; }\nserver { location / { proxy_pass http://a; } }\n",
		"active": "server 127.0.0.1:1;   # written by deploy.sh\n",
	}
	severalFiles = []tree{twoFiles, snippetOnly, ofTwoSites, serverLine}
)

// on puts the files on disk and takes the site over; nginx's files are as adopt
// leaves them. back is what they were.
func (w *world) on(files tree) (dir string, back tree) {
	w.T.Helper()
	w.Adopted()
	dir = filepath.Dir(w.Paths.Etc)
	back = tree{"nginx.conf": "events {}\nhttp { include $DIR/site*; }\n"}
	maps.Copy(back, files)
	for name, text := range back {
		back[name] = strings.ReplaceAll(text, "$DIR", dir)
		w.put(dir, name, back[name])
	}
	conf, err := nginxconf.Load(w.Files, filepath.Join(dir, "nginx.conf"))
	if err != nil {
		w.T.Fatal(err)
	}
	targets, err := conf.Targets(filepath.Join(dir, "site"))
	if err != nil {
		w.T.Fatal(err)
	}
	plan, err := conf.Plan(nginxconf.Options{Socket: w.Paths.LiveSocket("myapp", "8080"), App: "myapp"}, targets[0])
	if err != nil {
		w.T.Fatal(err)
	}
	w.Containers["old"] = docker.Container{
		ID: "old", Name: "old", Networks: []docker.Network{{IPv4: netip.MustParseAddr("127.0.0.1")}},
		Published: []docker.Port{{HostPort: 1, ContainerPort: 1, Proto: "tcp"}},
	}
	err = adoption.Write(w.Paths, adoption.Record{
		App: "myapp", Site: filepath.Join(dir, "site"), Plan: plan, ImageID: "sha256:v1", Release: 1,
		Original: adoption.Original{At: []adoption.Served{{Listener: "8080", Target: targets[0].Address, Address: targets[0].Addr}}, Container: "old", ContainerID: "old"},
	}, []json.RawMessage{json.RawMessage(`{}`)})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, f := range plan.Files {
		w.put("", f.Path, string(f.After))
	}
	return dir, back
}

func (w *world) put(dir, name, text string) {
	w.T.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) read(dir, name string) string {
	w.T.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		w.T.Fatal(err)
	}
	return string(b)
}

// restore writes what giving back does to nginx's files.
func (w *world) restore() []string {
	w.T.Helper()
	record, err := adoption.Read(w.Paths, "myapp")
	if err != nil {
		w.T.Fatal(err)
	}
	files, said, err := w.restored(record)
	if err == nil {
		err = w.restoreFiles(w.T.Context(), giving{record: record, result: &Result{}}, files)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return said
}

// Every file that adopt edited is restored, whatever its edits look like, and
// also when some of them were never written or are restored already.
func TestRestoreSeveralFiles(t *testing.T) {
	for _, files := range severalFiles {
		for done := range 3 {
			w := newWorld(t)
			dir, back := w.on(files)
			record, err := adoption.Read(w.Paths, "myapp")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range record.Plan.Files[:min(done, len(record.Plan.Files))] {
				w.put("", f.Path, string(f.Before))
			}
			if said := w.restore(); len(said) > 0 {
				t.Errorf("said %q", said)
			}
			for name, want := range back {
				if got := w.read(dir, name); got != want {
					t.Errorf("%s is\n%s\nwas\n%s", name, got, want)
				}
			}
		}
	}
}

// Others work on the files, too: only what adopt wrote is taken back, and what
// cannot be is said before anything changes.
func TestReleaseOfFilesThatOthersChanged(t *testing.T) {
	tests := map[string]struct {
		files  tree
		change func(w *world, dir string)
		allow  []string
		says   string // refused with that; else noted
		want   tree   // what differs from how it was
	}{
		"more lines": {twoFiles, func(w *world, dir string) {
			w.put(dir, "snip/a.conf", "# mine\n"+w.read(dir, "snip/a.conf")+"location /y { return 204; }\n")
		}, nil, "", tree{"snip/a.conf": "# mine\n" + twoFiles["snip/a.conf"] + "location /y { return 204; }\n"}},
		"a file is gone": {serverLine, func(w *world, dir string) {
			w.put(dir, "site", "server { return 204; }\n")
			_ = os.Remove(filepath.Join(dir, "active"))
		}, nil, "active is gone: there is nothing to restore in it", tree{"site": "server { return 204; }\n", "active": ""}},
		"a file is a link now": {twoFiles, func(w *world, dir string) {
			err := errors.Join(os.Rename(filepath.Join(dir, "snip/a.conf"), filepath.Join(dir, "a")), os.Symlink("../a", filepath.Join(dir, "snip/a.conf")))
			if err != nil {
				w.T.Fatal(err)
			}
		}, nil, "", nil},
		"led elsewhere": {serverLine, func(w *world, dir string) {
			w.put(dir, "active", "server 10.0.0.9:80;\n")
		}, nil, "active: what adopt wrote in upstream a has been removed or changed since, and is left as it is", tree{"active": "server 10.0.0.9:80;\n"}},
		"a line changed": {twoFiles, func(w *world, dir string) {
			w.put(dir, "site", strings.Replace(w.read(dir, "site"), "upstream edgeman-myapp { # edgeman\n", "upstream edgeman-myapp {\n    zone a 64k;\n", 1))
		}, nil, "site:3: what adopt wrote here was changed since, and still leads to the socket of myapp\nhint: write 127.0.0.1:1 there", nil},
		"a copy": {serverLine, func(w *world, dir string) {
			w.put(dir, "site.copy", "server { listen 82; location / { proxy_pass http://unix:"+w.Paths.LiveSocket("myapp", "8080")+"; } }\n")
		}, nil, "(server 82, location /) still leads to the socket of myapp, which adopt did not write there\nhint: point it at 127.0.0.1:1 or elsewhere first; --allow-other-sites", nil},
		"a copy, accepted": {serverLine, func(w *world, dir string) {
			w.put(dir, "site.copy", "server { listen 82; location / { proxy_pass http://unix:"+w.Paths.LiveSocket("myapp", "8080")+"; } }\n")
		}, []string{adoption.AllowOtherSites}, "", nil},
		"moved": {serverLine, func(w *world, dir string) {
			if err := os.Rename(filepath.Join(dir, "active"), filepath.Join(dir, "now")); err != nil {
				w.T.Fatal(err)
			}
			w.put(dir, "site", strings.Replace(w.read(dir, "site"), dir+"/active", dir+"/now", 1))
		}, nil, "now:1: server unix:", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir, back := w.on(tt.files)
			tt.change(w, dir)
			_, err := w.Unadopt(t.Context(), Options{App: "myapp", DryRun: true, Allow: tt.allow})
			said := w.Stderr.String()
			if err != nil {
				said = hint.Text(err)
			}
			if !strings.Contains(said, tt.says) || tt.says == "" && said != "" {
				t.Errorf("said %q, want %q", said, tt.says)
			}
			if err != nil && outcome.ExitCode(err) != outcome.ExitRefused {
				t.Errorf("exit code %d", outcome.ExitCode(err))
			}
			if err != nil || tt.allow != nil {
				return
			}
			w.restore()
			maps.Copy(back, tt.want)
			for _, name := range slices.Sorted(maps.Keys(back)) {
				if back[name] != "" && w.read(dir, name) != strings.ReplaceAll(back[name], "$DIR", dir) {
					t.Errorf("%s is\n%s\nwant\n%s", name, w.read(dir, name), back[name])
				}
			}
		})
	}
}

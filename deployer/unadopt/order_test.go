package unadopt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/site"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// inTurn adopts the addresses of a site as apps a and b, the one on port 1 and the
// one on port 2, in the order that is given, as far as nginx's files go.
func (w *world) inTurn(site string, order ...string) (conf string) {
	w.T.Helper()
	dir := filepath.Dir(w.Paths.Etc)
	conf = filepath.Join(dir, "nginx.conf")
	path := filepath.Join(dir, "site")
	err := errors.Join(os.WriteFile(path, []byte(site), 0o644), os.WriteFile(conf, []byte("events {}\nhttp { include "+path+"; }\n"), 0o644))
	for i, name := range order {
		c, loadErr := nginxconf.Load(w.Files, conf)
		err = errors.Join(err, loadErr)
		if err != nil {
			w.T.Fatal(err)
		}
		targets, targetsErr := c.Targets(path)
		err = errors.Join(err, targetsErr)
		for _, t := range targets {
			if t.Addr.Port() != uint16(name[0]-'a'+1) {
				continue
			}
			plan, planErr := c.Plan(nginxconf.Options{Socket: w.Paths.Live(name), App: name}, t)
			if err = errors.Join(err, planErr); err != nil {
				w.T.Fatal(err)
			}
			settings := state.DefaultApp(name)
			settings.Listeners = []state.Listener{state.PortListener(8080)}
			record := adoption.Record{App: name, Plan: plan, Original: adoption.Original{At: []adoption.Served{{Target: t.Address}}}, Time: time.Unix(int64(i), 0)}
			err = errors.Join(err, w.Paths.MakeApp(name), w.Paths.WriteApp(settings), adoption.Write(w.Paths, record, nil), os.WriteFile(path, plan.Files[0].After, 0o644))
		}
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return conf
}

// What was written for one app may rest on what was written for another. Then the
// other is not given back first, and the message says which is.
func TestGivingBackOutOfOrder(t *testing.T) {
	nested := "server {\n%s    location / {\n        proxy_pass http://127.0.0.1:1;\n        location /in/ {\n            proxy_pass http://127.0.0.1:2;\n        }\n    }\n}\n"
	beside := "server {\n%s    location / {\n        proxy_pass http://127.0.0.1:1;\n    }\n    location /in/ {\n        proxy_pass http://127.0.0.1:2;\n    }\n}\n"
	tests := map[string]struct {
		site, line string
		order      []string
		first      string // the one that is tried
		refused    bool
	}{
		"inner adopted first":                      {nested, "", []string{"b", "a"}, "b", true},
		"outer adopted first, with a header":       {nested, "    proxy_set_header X-Site s;\n", []string{"a", "b"}, "a", true},
		"outer adopted first, its line is edited":  {nested, "    proxy_set_header Host $proxy_host;\n", []string{"a", "b"}, "a", true},
		"last adopted first":                       {nested, "", []string{"b", "a"}, "a", false},
		"last adopted first, the other way round":  {nested, "    proxy_set_header X-Site s;\n", []string{"a", "b"}, "b", false},
		"neither in the other":                     {beside, "    proxy_set_header X-Site s;\n", []string{"a", "b"}, "a", false},
		"neither in the other, last adopted first": {beside, "", []string{"a", "b"}, "b", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			conf := w.inTurn(fmt.Sprintf(tt.site, tt.line), tt.order...)
			record, err := adoption.Read(w.Paths, tt.first)
			if err != nil {
				t.Fatal(err)
			}
			files, _, err := w.restored(record)
			if err == nil {
				var then *nginxconf.Config
				if then, err = nginxconf.Load(site.EditedFiles{FS: w.Files, After: candidates(files)}, conf); err == nil {
					err = w.refuseOrder(record, conf, then)
				}
			}
			if refused := err != nil; refused != tt.refused {
				t.Fatalf("refused %v, want %v: %v", refused, tt.refused, err)
			}
			if tt.refused && (outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "edgeman unadopt "+tt.order[1])) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An adoption that was killed while it wrote a file leaves nothing beside it.
func TestGivingBackTidiesUp(t *testing.T) {
	w := newWorld(t)
	site := w.OnRecord()
	record, err := adoption.Read(w.Paths, "myapp")
	if err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(filepath.Dir(site), ".site.edgeman")
	if err := errors.Join(os.WriteFile(site, record.Plan.Files[0].Before, 0o644), os.WriteFile(leftover, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	files, _, err := w.restored(record)
	if err != nil || len(files) > 0 { // the rename had not been made
		t.Fatalf("to be written: %v, %v", files, err)
	}
	if err := w.restoreFiles(t.Context(), giving{record: record, undo: true, quiet: true, result: &Result{}}, files); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover is still there: %v", err)
	}
}

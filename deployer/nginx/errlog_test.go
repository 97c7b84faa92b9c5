package nginx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	put(t, path, []byte("2026/11/23 03:33:48 [emerg] 10#10: earlier\n"))
	logs := openTails([]string{path, path, path + ".none", filepath.Dir(path), "/dev/null"}, 10)
	defer logs.close()
	if len(logs.files) != 1 {
		t.Fatalf("opened %d files", len(logs.files))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	add := func(s string) { _, err := f.WriteString(s); must(t, err) }

	add("2026/11/23 03:33:49 [emerg] 110#110: another process\n" +
		"2026/11/23 03:33:49 [crit] 11#11: *1 request: \"GET /] 10#10: [emerg] HTTP/1.0\"\n" +
		"2026/11/23 03:33:49 [notice] 10#10: reconfiguring\n" +
		"2026/11/23 03:33:49 [emerg] 10#10: unexpected end of file in /e")
	if got := logs.read(); got != nil {
		t.Errorf("half a line: %+v", got)
	}
	must(t, os.Rename(path, path+".1")) // rotated, and nginx was not told yet
	add("tc/x:7\n")
	want := []Message{{Level: "emerg", Text: "unexpected end of file", File: "/etc/x", Line: 7}}
	if d := cmp.Diff(want, logs.read()); d != "" {
		t.Error(d)
	}
	if got := logs.read(); got != nil {
		t.Errorf("read twice: %+v", got)
	}
}

func TestGenerations(t *testing.T) {
	w := func(pid int, leaving bool) Worker {
		return Worker{Process: Process{PID: pid, Ticks: uint64(pid)}, Leaving: leaving}
	}
	before := []Worker{w(1, true), w(2, false), w(3, false)}
	reused := w(2, false)
	reused.Ticks = 99
	for _, tt := range []struct {
		name                          string
		now                           []Worker
		fresh, stale, leaving, passed int
		unchanged                     bool
	}{
		{"nothing happened", before, 0, 2, 1, 0, true},
		{"both generations accept", []Worker{w(2, false), w(3, false), w(4, false)}, 1, 2, 0, 0, false},
		{"done", []Worker{w(2, true), w(4, false), w(5, false)}, 2, 0, 1, 0, false},
		{"reused pid", []Worker{reused}, 1, 0, 0, 0, false},
		{"torn picture of two reloads", []Worker{w(2, true), w(4, true)}, 0, 0, 2, 1, false},
		{"torn, a slow old one", []Worker{w(2, false), w(4, true)}, 0, 1, 1, 1, false},
		{"none in the picture", nil, 0, 0, 0, 0, false},
	} {
		g := compare(before, tt.now)
		if len(g.fresh) != tt.fresh || len(g.stale) != tt.stale || len(g.leaving) != tt.leaving || g.passed != tt.passed || g.unchanged() != tt.unchanged {
			t.Errorf("%s: %+v", tt.name, g)
		}
	}
}

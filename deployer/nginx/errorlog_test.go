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

package nginx

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMessages(t *testing.T) {
	out := "nginx: [warn] conflicting server name \"a\" on 0.0.0.0:80, ignored\n" +
		"nginx: [emerg] unknown directive \"in /x:1 foo\" in /etc/nginx/a b.conf:12\r\n" +
		"2026/11/23 03:33:48 [crit] 12#13: pread() failed in /etc/x:0\n" +
		"nginx: configuration file /etc/nginx/nginx.conf test failed\n"
	want := []Message{
		{Level: "warn", Text: `conflicting server name "a" on 0.0.0.0:80, ignored`},
		{Level: "emerg", Text: `unknown directive "in /x:1 foo"`, File: "/etc/nginx/a b.conf", Line: 12},
		{Level: "crit", Text: "pread() failed", File: "/etc/x"},
	}
	if d := cmp.Diff(want, parseMessages(out)); d != "" {
		t.Error(d)
	}
}

func TestRefusalIsTheFirstGraveMessage(t *testing.T) {
	e := refusal([]Message{{Level: "warn", Text: "w"}, {Level: "emerg", Text: "e"}, {Level: "emerg", Text: "later"}}, "")
	if e.Text != "e" {
		t.Errorf("picked %q", e.Text)
	}
	if e := refusal(nil, ""); e.Text == "" {
		t.Error("a silent refusal has no text")
	}
}

func TestConfigurationOnDisk(t *testing.T) {
	n := layout(t)
	n.open()
	if _, err := n.server.Precheck(soon(t)); err != nil {
		t.Fatal(err)
	}
	put(t, n.path("sites-available/app"), []byte("server {\n  listen 127.0.0.1:1;\n  bogus on;\n}\n"))
	_, err := n.server.Precheck(soon(t))
	var refused *ConfigError
	if !errors.Is(err, ErrAlreadyBroken) || !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	want := ConfigError{
		Message: Message{Level: "emerg", Text: `unknown directive "bogus"`, File: n.path("sites-enabled/app"), Line: 3},
		Output:  refused.Output,
	}
	if d := cmp.Diff(want, *refused); d != "" {
		t.Error(d)
	}
	if _, err := n.server.Test(soon(t)); errors.Is(err, ErrAlreadyBroken) || !errors.As(err, &refused) {
		t.Errorf("Test: %v", err)
	}
	if _, err := os.Lstat(n.path("nginx.pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the test left a pid file behind: %v", err)
	}
}

func TestTestLeavesAPidFileAlone(t *testing.T) {
	n := layout(t)
	n.open()
	if _, err := n.server.Test(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(n.path("nginx.pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made by the test and left behind: %v", err)
	}
	put(t, n.path("nginx.pid"), nil) // somebody else's, empty
	if _, err := n.server.Test(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(n.path("nginx.pid")); err != nil {
		t.Errorf("removed although it was there before: %v", err)
	}
}

func TestWarningsOfAValidConfiguration(t *testing.T) {
	n := layout(t)
	n.open()
	put(t, n.path("sites-enabled/dup"), site(n.port, "other"))
	warnings, err := n.server.Test(soon(t))
	if err != nil || len(warnings) != 1 || warnings[0].Level != "warn" {
		t.Fatalf("got %v, %v", warnings, err)
	}
	contains(t, warnings[0].Text, "conflicting server name")
}

// picture is what must not change about a live file.
type picture struct {
	Ino, Dev uint64
	Mtim     syscall.Timespec
	Ctim     syscall.Timespec
	Content  string
}

func look(t *testing.T, path string) picture {
	t.Helper()
	var st syscall.Stat_t
	must(t, syscall.Stat(path, &st))
	return picture{st.Ino, st.Dev, st.Mtim, st.Ctim, read(t, path)}
}

// mounted are the mounts on this instance's files and on candidates'. Other
// programs mount and unmount what they like meanwhile.
func mounted(t *testing.T, n *instance) (lines []string) {
	t.Helper()
	for line := range strings.Lines(read(t, "/proc/self/mountinfo")) {
		if strings.Contains(line, n.dir) || strings.Contains(line, ".edgeman-candidate-") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCandidateLeavesLiveFilesAlone(t *testing.T) {
	n := start(t)
	needNamespace(t, n)
	site2 := n.path("sites-enabled/plain")
	put(t, site2, []byte("# nothing\n"))
	files := []string{n.path("sites-available/app"), n.path("nginx.conf"), site2}
	var before []picture
	for _, f := range files {
		before = append(before, look(t, f))
	}
	mounts := mounted(t, n)

	good := map[string][]byte{
		n.path("sites-enabled/app"): site(n.port, "candidate"), // a symlink
		site2:                       []byte("upstream x { server unix:/run/x.sock; }\n"),
	}
	if _, err := n.server.TestCandidate(soon(t), good); err != nil {
		t.Fatal(err)
	}

	bad := map[string][]byte{
		n.path("sites-enabled/app"): site(n.port, "candidate"),
		site2:                       []byte("upstream x { server unix:/run/x.sock; }\n\nupstream x { server unix:/run/y.sock; }\n"),
	}
	_, err := n.server.TestCandidate(soon(t), bad)
	var refused *ConfigError
	if !errors.As(err, &refused) || refused.File != site2 || refused.Line != 3 {
		t.Fatalf("got %v", err)
	}
	contains(t, refused.Text, "duplicate upstream")

	_, err = n.server.TestCandidate(soon(t), map[string][]byte{n.path("sites-enabled/app"): []byte("server { bogus; }")})
	if !errors.As(err, &refused) || refused.File != n.path("sites-enabled/app") {
		t.Fatalf("got %v, %+v", err, refused)
	}

	for i, f := range files {
		if d := cmp.Diff(before[i], look(t, f)); d != "" {
			t.Errorf("%s changed: %s", f, d)
		}
	}
	if d := cmp.Diff(mounts, mounted(t, n)); d != "" {
		t.Errorf("mounts leaked: %s", d)
	}
	if _, err := n.server.Test(soon(t)); err != nil {
		t.Errorf("the live configuration: %v", err)
	}
	n.answers("v1")
}

// Under systemd every mount is shared, and a bind would reach the host; the
// same test runs once more in such a place.
func TestCandidateUnderSharedMounts(t *testing.T) {
	needNginx(t)
	if err := exec.Command("unshare", "-m", "--propagation", "shared", "true").Run(); err != nil {
		t.Skipf("SKIPPED: no mount namespaces here: %v", err)
	}
	out, err := exec.Command("unshare", "-m", "--propagation", "shared", os.Args[0], "-test.v", "-test.run", "^TestCandidateLeavesLiveFilesAlone$").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCandidateLeaves") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCandidateRefusesWhatItCannotPlace(t *testing.T) {
	n := layout(t)
	n.open()
	t.Setenv("TMPDIR", t.TempDir()) // where nobody else's candidates come and go
	for name, files := range map[string]map[string][]byte{
		"missing":   {n.path("no"): nil},
		"directory": {n.path("temp"): nil},
		"twice":     {n.path("sites-enabled/app"): nil, n.path("sites-available/app"): nil},
	} {
		if _, err := n.server.TestCandidate(soon(t), files); err == nil || errors.As(err, new(*ConfigError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(os.TempDir())
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".edgeman-candidate-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestOwnThreadIsNeverTheFirst(t *testing.T) {
	for range 200 {
		if err := onOwnThread(func() error {
			if syscall.Gettid() == syscall.Getpid() {
				return errors.New("ran on the first thread")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func needNamespace(t *testing.T, n *instance) {
	t.Helper()
	if _, err := n.server.TestCandidate(soon(t), nil); errors.Is(err, errNoNamespace) {
		t.Skipf("SKIPPED: %v", err)
	}
}

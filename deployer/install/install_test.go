package install

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeman/deployer/console"
	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
)

// installUnits is a systemd that counts its daemon-reloads.
type installUnits struct {
	Units
	reloads int
	stopped []string
	failed  map[string]string // unit: active state
}

func (u *installUnits) Active(_ context.Context, pattern string) (map[string]string, error) {
	return fake.Matching(u.failed, pattern), nil
}

func (u *installUnits) ResetFailed(_ context.Context, unit string) error {
	delete(u.failed, unit)
	return nil
}

func (u *installUnits) Disable(context.Context, ...string) error { return nil }

func (u *installUnits) Stop(_ context.Context, unit string) error {
	u.stopped = append(u.stopped, unit)
	return nil
}

func (u *installUnits) Reload(context.Context) error { u.reloads++; return nil }

func (u *installUnits) Version(context.Context) (string, error) { return "252.39-1~deb12u1", nil }

type installNginx struct {
	Nginx
	facts nginx.Facts
}

func (n *installNginx) Facts(context.Context) (nginx.Facts, error) { return n.facts, nil }

type installDocker struct{ Docker }

func (installDocker) API() string { return "1.41" }

// bare is a host on which edgeman is not installed, below a directory
// of its own; the program was started from a build directory.
type bare struct {
	*Host
	root  string
	units *installUnits
	nginx *installNginx
	log   bytes.Buffer
}

func newBare(t *testing.T) *bare {
	t.Helper()
	b := &bare{root: t.TempDir(), units: &installUnits{}, nginx: &installNginx{facts: nginx.Facts{
		Binary: "/usr/sbin/nginx", Version: "1.22.1", Main: "/etc/nginx/nginx.conf", Running: true,
	}}}
	b.write(t, "build/edgeman", "program 1", 0o755)
	b.write(t, "build/edgeman-init", "shim 1", 0o755)
	if err := os.Mkdir(b.path("/run"), 0o755); err != nil { // every host has it
		t.Fatal(err)
	}
	system := program.System{Root: b.root, Executable: func() (string, error) { return b.path("/build/edgeman"), nil }}
	out := &console.Console{Err: &b.log}
	b.Host = &Host{
		Host: &slots.Host{
			Console: out,
			Paths:   state.Paths{Etc: b.path("/etc/edgeman"), Var: b.path("/var/lib/edgeman"), Run: b.path("/run/edgeman")},
		},
		Units: b.units, Nginx: b.nginx, Docker: installDocker{}, Program: &program.Host{Console: out, System: system}, Version: "v1",
	}
	return b
}

func (b *bare) path(p string) string { return filepath.Join(b.root, p) }

func (b *bare) write(t *testing.T, name, data string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(b.root, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), mode), os.Chmod(path, mode))
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bare) install(t *testing.T) []string {
	t.Helper()
	result, err := b.Install(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	return b.lines(result)
}

// lines are the changes with logical paths.
func (b *bare) lines(r Result) []string {
	var lines []string
	for _, c := range r.Changes {
		lines = append(lines, c.Action+" "+strings.TrimPrefix(c.Path, b.root))
	}
	return lines
}

func (b *bare) files(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(b.root, func(path string, d os.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(path, b.path("/build")) {
			return err
		}
		logical := strings.TrimPrefix(path, b.root)
		if d.IsDir() {
			files[logical+"/"] = ""
			return nil
		}
		data, err := os.ReadFile(path)
		files[logical] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestInstallPutsEverythingInPlaceOnce(t *testing.T) {
	b := newBare(t)
	first := strings.Join(b.install(t), "\n")
	for _, want := range []string{
		"create /etc/edgeman", "create /var/lib/edgeman", "create /run/edgeman",
		"create /usr/local/bin/edgeman", "create /usr/local/lib/edgeman/edgeman-init",
		"create /etc/systemd/system/edgeman@.socket", "create /etc/systemd/system/edgeman@.service",
		"update /var/lib/edgeman/host.json", "reload ",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("first install did not report %q:\n%s", want, first)
		}
	}
	if again := b.install(t); len(again) != 0 {
		t.Errorf("second install changed %q", again)
	}
	if b.units.reloads != 1 {
		t.Errorf("systemd was reloaded %d times, want once", b.units.reloads)
	}
	service := b.files(t)["/etc/systemd/system/edgeman@.service"]
	if want := "ExecStart=" + program.ProgramPath + " serve"; !strings.Contains(service, want) {
		t.Errorf("the service does not start the installed program:\n%s", service)
	}
}

func TestInstallDryRunChangesNothing(t *testing.T) {
	b := newBare(t)
	before := b.files(t)
	result, err := b.Install(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Changes) == 0 {
		t.Error("the dry run reports nothing")
	}
	if after := b.files(t); len(after) != len(before) {
		t.Errorf("the dry run made files: %v", after)
	}
	if b.units.reloads != 0 {
		t.Error("the dry run reloaded systemd")
	}
}

// The record says when it was made, or nothing while there is none.
func TestInstallTellsWhen(t *testing.T) {
	b := newBare(t)
	dry, err := b.Install(context.Background(), true)
	if err != nil || !dry.Facts.Installed.IsZero() {
		t.Errorf("dry run: installed %v, %v", dry.Facts.Installed, err)
	}
	if text, err := json.Marshal(dry); err != nil || strings.Contains(string(text), "0001-01-01") {
		t.Errorf("dry run: %s, %v", text, err)
	}
	first, err := b.Install(context.Background(), false)
	if err != nil || time.Since(first.Facts.Installed) > time.Minute {
		t.Errorf("installed %v, %v", first.Facts.Installed, err)
	}
	again, err := b.Install(context.Background(), false)
	if err != nil || !again.Facts.Installed.Equal(first.Facts.Installed) {
		t.Errorf("installed %v the second time, %v the first; %v", again.Facts.Installed, first.Facts.Installed, err)
	}
	if text, err := json.Marshal(again); err != nil || !strings.Contains(string(text), `"changes":[]`) {
		t.Errorf("nothing to change: %s, %v", text, err)
	}
}

// Without edgeman-init all works but native mode, and whoever installs is told.
func TestInstallWithoutInit(t *testing.T) {
	const advice = "\nhint: put it beside "
	b := newBare(t)
	b.install(t)
	if b.log.Len() > 0 {
		t.Errorf("install with it said %q", b.log.String())
	}
	b = newBare(t)
	os.Remove(b.path("build/edgeman-init"))
	b.install(t)
	if got := b.log.String(); !strings.HasPrefix(got, "warning: edgeman-init is missing") || !strings.Contains(got, advice+b.path("build/edgeman")+" and run edgeman install again\n") {
		t.Errorf("install said %q", got)
	}
	for mode, want := range map[string]int{"": outcome.ExitDone, "proxy": outcome.ExitDone, "native": outcome.ExitRefused} {
		if err := b.Program.NeedInit(mode, true); outcome.ExitCode(err) != want || err != nil && !strings.Contains(hint.Text(err), advice) {
			t.Errorf("mode %q: %v, want exit code %d and the hint", mode, err, want)
		}
	}
	b.write(t, "build/edgeman-init", "shim", 0o755)
	if err := b.Program.NeedInit("native", true); err != nil {
		t.Errorf("beside the program that is about to install it: %v", err)
	}
	if err := b.Program.NeedInit("native", false); err == nil {
		t.Error("a command that does not install takes it for installed")
	}
	b.install(t)
	if err := b.Program.NeedInit("native", false); err != nil {
		t.Errorf("installed: %v", err)
	}
}

func TestInstallReplacesWhatIsOld(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, b *bare)
		want  string
	}{
		"program": {func(t *testing.T, b *bare) { b.write(t, "build/edgeman", "program 2", 0o755) }, "update /usr/local/bin/edgeman"},
		"unit":    {func(t *testing.T, b *bare) { b.write(t, "etc/systemd/system/edgeman@.service", "x", 0o644) }, "update /etc/systemd/system/edgeman@.service"},
		"mode":    {func(t *testing.T, b *bare) { os.Chmod(b.path("/etc/systemd/system/edgeman@.socket"), 0o666) }, "update /etc/systemd/system/edgeman@.socket"},
		"missing": {func(t *testing.T, b *bare) { os.Remove(b.path("/etc/systemd/system/edgeman@.socket")) }, "create /etc/systemd/system/edgeman@.socket"},
		"nginx":   {func(t *testing.T, b *bare) { b.nginx.facts.Version = "1.26.0" }, "update /var/lib/edgeman/host.json"},
		"record":  {func(t *testing.T, b *bare) { os.Remove(b.Paths.HostFacts()) }, "update /var/lib/edgeman/host.json"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBare(t)
			b.install(t)
			tt.spoil(t, b)
			lines := strings.Join(b.install(t), "\n")
			if !strings.Contains(lines, tt.want) || !strings.Contains(lines, "reload") {
				t.Errorf("install reports %q, want %q and a reload", lines, tt.want)
			}
			if again := b.install(t); len(again) != 0 {
				t.Errorf("the install after that changed %q", again)
			}
		})
	}
}

// The installed program may run install too, and uninstall must still know
// what the first one copied.
func TestInstallFromItsOwnPlaceKeepsTheRecord(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.Program.System.Executable = func() (string, error) { return b.path(program.ProgramPath), nil }
	if lines := b.install(t); len(lines) != 0 {
		t.Errorf("install changed %q", lines)
	}
	facts, _, err := b.ReadFacts()
	if err != nil {
		t.Fatal(err)
	}
	if files := strings.Join(facts.Files, "\n"); !strings.Contains(files, program.ProgramPath) || !strings.Contains(files, "edgeman-init") {
		t.Errorf("the record forgot the program:\n%s", files)
	}
}

func TestInstallLeavesAPackagedProgramAlone(t *testing.T) {
	b := newBare(t)
	b.write(t, "usr/bin/edgeman", "packaged", 0o755)
	b.Program.System.Executable = func() (string, error) { return b.path("/usr/bin/edgeman"), nil }
	b.install(t)
	files := b.files(t)
	if _, ok := files[program.ProgramPath]; ok {
		t.Errorf("a packaged program was copied to %s", program.ProgramPath)
	}
	if want := "ExecStart=/usr/bin/edgeman serve"; !strings.Contains(files["/etc/systemd/system/edgeman@.service"], want) {
		t.Errorf("the service does not start the packaged program: want %q", want)
	}
}

func TestInstallRefuses(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, b *bare)
		want  string
	}{
		"nginx stopped": {func(_ *testing.T, b *bare) { b.nginx.facts.Running = false }, "systemctl start nginx"},
		"writable program": {func(t *testing.T, b *bare) {
			b.write(t, "usr/bin/edgeman", "p", 0o775)
			b.Program.System.Executable = func() (string, error) { return b.path("/usr/bin/edgeman"), nil }
		}, "chmod go-w"},
		"writable directory": {func(t *testing.T, b *bare) {
			b.write(t, "usr/bin/edgeman", "p", 0o755)
			os.Chmod(b.path("/usr/bin"), 0o777)
			b.Program.System.Executable = func() (string, error) { return b.path("/usr/bin/edgeman"), nil }
		}, "chmod go-w"},
		"directory in the way": {func(t *testing.T, b *bare) {
			os.MkdirAll(b.path("/etc/systemd/system/edgeman@.socket"), 0o755)
		}, "move it away"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBare(t)
			tt.spoil(t, b)
			_, err := b.Install(context.Background(), false)
			if err == nil || !strings.Contains(hint.Text(err), tt.want) {
				t.Fatalf("error %v does not mention %q", err, tt.want)
			}
			if code := outcome.ExitCode(err); code != outcome.ExitRefused {
				t.Errorf("exit code %d, want %d", code, outcome.ExitRefused)
			}
		})
	}
}

// A stopped nginx that is known already is no obstacle: its group has not
// changed by stopping.
func TestInstallRemembersAStoppedNginx(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.nginx.facts.Running = false
	if lines := b.install(t); len(lines) != 0 {
		t.Errorf("install changed %q", lines)
	}
}

// A daemon that does not answer today is not forgotten.
func TestInstallRemembersAStoppedDocker(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.Docker = nil
	if lines := b.install(t); len(lines) != 0 {
		t.Errorf("install changed %q", lines)
	}
}

func TestUninstallTakesEverythingAway(t *testing.T) {
	b := newBare(t)
	before := b.files(t)
	b.install(t)
	if _, err := b.Uninstall(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.files(t)[program.ProgramPath]; !ok {
		t.Fatal("the dry run removed the program")
	}
	if _, err := b.Uninstall(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	for path := range b.files(t) {
		if _, ok := before[path]; !ok && strings.Contains(path, "edgeman") {
			t.Errorf("%s is still there", path)
		}
	}
	result, err := b.Uninstall(context.Background(), false)
	if err != nil || len(result.Changes) != 0 {
		t.Errorf("the second uninstall: %v, %v", result.Changes, err)
	}
}

// The timer of edgeman check comes and goes on its own, and must not outlive
// the program that it starts.
func TestUninstallTakesTheTimerAlong(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.write(t, "etc/systemd/system/edgeman-check.timer", "", 0o644)
	b.write(t, "etc/cron.d/edgeman", "", 0o644)
	b.write(t, "var/lib/systemd/timers/stamp-edgeman-check.timer", "", 0o644)
	b.units.failed = map[string]string{"edgeman-check.service": "failed", "edgeman-check-mail@edgeman-check.service.service": "failed", "nginx.service": "failed"}
	if _, err := b.Uninstall(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	for path := range b.files(t) {
		if strings.Contains(path, "edgeman") {
			t.Errorf("%s is still there", path)
		}
	}
	if len(b.units.stopped) != 1 || b.units.stopped[0] != "edgeman-check.timer" {
		t.Errorf("stopped %q, want the timer", b.units.stopped)
	}
	if len(b.units.failed) != 1 || b.units.failed["nginx.service"] == "" {
		t.Errorf("failed units %v, want nginx's alone", b.units.failed)
	}
}

// The dry run tells what the real one does, down to the directories that are
// empty only then.
func TestUninstallDryRunIsTrue(t *testing.T) {
	for _, mine := range []string{"", "etc/edgeman/edgeman.toml", "usr/local/lib/edgeman/mine"} {
		b := newBare(t)
		b.install(t)
		if err := os.MkdirAll(b.path("etc/edgeman/apps"), 0o700); err != nil {
			t.Fatal(err)
		}
		if mine != "" {
			b.write(t, mine, "", 0o600)
		}
		dry, err := b.Uninstall(context.Background(), true)
		if err != nil {
			t.Fatal(err)
		}
		done, err := b.Uninstall(context.Background(), false)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(done.Changes, dry.Changes); d != "" {
			t.Errorf("with %q (-done +dry):\n%s", mine, d)
		}
		keeps := slices.ContainsFunc(done.Changes, func(c Change) bool { return c.Action == "keep" })
		if keeps != (mine != "") {
			t.Errorf("with %q: %v", mine, done.Changes)
		}
	}
}

func TestUninstallKeepsSettings(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.write(t, "etc/edgeman/edgeman.toml", "# mine", 0o600)
	if _, err := b.Uninstall(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if b.files(t)["/etc/edgeman/edgeman.toml"] != "# mine" {
		t.Error("the operator's settings are gone")
	}
}

func TestUninstallIsRefusedWhileAnAppIsAdopted(t *testing.T) {
	for name, file := range map[string]string{
		"settings":   "etc/edgeman/apps/myapp.toml",
		"state only": "var/lib/edgeman/apps/myapp/history.jsonl",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBare(t)
			b.install(t)
			b.write(t, file, "", 0o600)
			before := len(b.files(t))
			_, err := b.Uninstall(context.Background(), false)
			if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "hint: edgeman unadopt myapp") {
				t.Errorf("error %v, want a refusal that names the app", err)
			}
			if after := len(b.files(t)); after != before {
				t.Errorf("%d files became %d", before, after)
			}
		})
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"edgeman/check"
	"edgeman/deployer/nginx"
	"edgeman/deployer/program"
	"edgeman/deployer/site"
	"edgeman/deployer/state"
	"edgeman/sockets/systemd"
)

// The scripts run the real main against fakes: every path is below $ROOT, and
// the files units, nginx and journal in it say what systemd and nginx are like
// and keep what the program would have become.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"edgeman": func() { os.Exit(run(os.Args, scripted())) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", env.WorkDir)
			return os.MkdirAll(filepath.Join(env.WorkDir, "bin"), 0o755)
		},
	})
}

// code runs a command and wants an exact exit code: code N COMMAND ARGS...
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scripted() *environment {
	root := os.Getenv("ROOT")
	env := &environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		paths: state.Paths{Etc: filepath.Join(root, "etc/edgeman"), Var: filepath.Join(root, "var/lib/edgeman"), Run: filepath.Join(root, "run/edgeman")},
		system: program.System{Root: root, Executable: func() (string, error) {
			return filepath.Join(root, "build/edgeman"), nil
		}},
		checked: func(_ context.Context, env *environment) (check.Env, func()) { return recordsOnly(env), func() {} },
		open: func(_ context.Context, h *host, _ []part) (func(), error) {
			h.units, h.nginx = scriptUnits{root: root}, scriptNginx{}
			return func() {}, nil
		},
		exec: func(argv []string) error {
			return os.WriteFile(filepath.Join(root, "journal"), []byte(strings.Join(argv, "\n")+"\n"), 0o600)
		},
		terminal: func() bool { return false },
	}
	env.euid, _ = strconv.Atoi(os.Getenv("EUID")) // root, unless the script says otherwise
	return env
}

// scriptUnits is a systemd in which the units listed in the file run.
type scriptUnits struct {
	unitsPort
	root string
}

func (u scriptUnits) Reload(context.Context) error            { return nil }
func (u scriptUnits) Version(context.Context) (string, error) { return "252.39-1~deb12u1", nil }

func (u scriptUnits) State(ctx context.Context, unit string) (systemd.Unit, error) {
	active, _ := u.Active(ctx, unit)
	return systemd.Unit{Active: cmp.Or(active[unit], "inactive")}, nil
}

func (u scriptUnits) Active(_ context.Context, pattern string) (map[string]string, error) {
	active := map[string]string{}
	data, _ := os.ReadFile(filepath.Join(u.root, "units"))
	for unit := range strings.Lines(string(data)) {
		unit = strings.TrimSpace(unit)
		if matched, _ := filepath.Match(pattern, unit); matched {
			active[unit] = "active"
		}
	}
	return active, nil
}

type scriptNginx struct{ site.Nginx }

func (scriptNginx) Facts(context.Context) (nginx.Facts, error) {
	return nginx.Facts{Binary: "/usr/sbin/nginx", Version: "1.22.1", Main: "/etc/nginx/nginx.conf", Running: true}, nil
}

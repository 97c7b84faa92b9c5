package install

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
)

// What is copied and then run as root was written by root, or by whoever called
// sudo, and by nobody else.
func TestInstallCopiesNothingThatOthersPlanted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	const build, program, shim = "/build", "/build/edgeman", "/build/edgeman-init"
	chown := func(path string, uid, gid int) func(b *bare) error {
		return func(b *bare) error { return os.Chown(b.path(path), uid, gid) }
	}
	chmod := func(path string, mode os.FileMode) func(b *bare) error {
		return func(b *bare) error { return os.Chmod(b.path(path), mode) }
	}
	both := func(do ...func(b *bare) error) func(b *bare) error {
		return func(b *bare) (err error) {
			for _, f := range do {
				err = errors.Join(err, f(b))
			}
			return err
		}
	}
	mine := both(chown(build, 1000, 1000), chown(program, 1000, 1000), chown(shim, 1000, 1000))
	for name, row := range map[string]struct {
		sudo string // SUDO_UID
		do   func(b *bare) error
		want string // in the refusal; empty: none
	}{
		"root's":                 {"", both(), ""},
		"the caller's":           {"1000", mine, ""},
		"a user's, by root":      {"", mine, "belongs to uid 1000"},
		"another's program":      {"1000", both(mine, chown(program, 1001, 1001)), program + " belongs to uid 1001"},
		"another's edgeman-init": {"1000", both(mine, chown(shim, 1001, 1001)), shim + " belongs to uid 1001"},
		"anybody's edgeman-init": {"1000", both(mine, chmod(shim, 0o777)), shim + " can be written"},
		"anybody's directory":    {"1000", both(mine, chmod(build, 0o777)), build + " can be written"},
		"a sticky directory":     {"1000", both(mine, chmod(build, 0o777|os.ModeSticky)), ""},
		"the caller's own group": {"1000", both(mine, chmod(build, 0o775), chmod(program, 0o775)), ""},
		"a group of many":        {"1000", both(mine, chown(program, 1000, 100), chmod(program, 0o775)), program + " can be written"},
		"a link to a secret": {"1000", both(mine, func(b *bare) error {
			return errors.Join(os.Remove(b.path(shim)), os.WriteFile(b.path("/secret"), []byte("secret"), 0o600), os.Symlink("../secret", b.path(shim)))
		}), shim + " is a symbolic link"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SUDO_UID", row.sudo)
			b := newBare(t)
			if err := row.do(b); err != nil {
				t.Fatal(err)
			}
			before := len(b.files(t))
			_, err := b.Install(context.Background(), false)
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), b.root+row.want) && !strings.Contains(hint.Text(err), row.want) || !strings.Contains(hint.Text(err), "\nhint: ") {
				t.Errorf("got %v, want a refusal that says %q", err, row.want)
			}
			if after := len(b.files(t)); after != before {
				t.Errorf("%d files became %d", before, after)
			}
		})
	}
}

// The edgeman-init that a native container is about to run is judged, too.
func TestNativeNeedsATrustedInit(t *testing.T) {
	b := newBare(t)
	b.install(t)
	b.Program.System.Executable = func() (string, error) { return b.path(program.ProgramPath), nil }
	shim := b.path(program.LibDir + "/edgeman-init")
	if err := os.Chmod(shim, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"needInit": b.Program.NeedInit("native", false), "install": b.EnsureInstalled(context.Background())} {
		if outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(hint.Text(err), "chmod go-w "+shim) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.Program.NeedInit("proxy", false); err != nil {
		t.Errorf("mode proxy: %v", err)
	}
}

// What its operator has closed to others stays closed.
func TestInstallWidensNoPermissions(t *testing.T) {
	b := newBare(t)
	b.install(t)
	modes := map[string]os.FileMode{"/etc/edgeman": 0o750, "/etc/edgeman/apps": 0o700, "/var/lib/edgeman": 0o711, program.ProgramPath: 0o750, "/etc/systemd/system/edgeman@.service": 0o640}
	for path, mode := range modes {
		if err := os.Chmod(b.path(path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if lines := b.install(t); len(lines) > 0 {
		t.Errorf("changed %q", lines)
	}
	b.write(t, "build/edgeman", "program 2", 0o755)
	b.write(t, "etc/systemd/system/edgeman@.socket", "old", 0o644)
	b.install(t)
	if err := b.Paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	for path, want := range modes {
		st, err := os.Stat(b.path(path))
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, st.Mode().Perm(), err, want)
		}
	}
}

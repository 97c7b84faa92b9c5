package deployer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/google/renameio/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
)

// Where install puts things, by the Filesystem Hierarchy Standard: what the
// local administrator installs goes below /usr/local and /etc.
const (
	programPath    = "/usr/local/bin/edgeman"
	libDir         = "/usr/local/lib/edgeman"
	completionPath = "/usr/local/share/bash-completion/completions/edgeman"
)

// packaged are the places where a distribution's package puts the program; it
// is left alone there.
var packaged = []string{"/usr/bin/edgeman", "/usr/sbin/edgeman"}

// installFile is a file as it has to be.
type installFile struct {
	path string
	mode fs.FileMode
	data []byte
	note string
}

// compare tells whether the file on disk is another than it has to be. One that
// its operator has closed further may stay so.
func (f installFile) compare() (Change, bool, error) {
	change := Change{Action: "update", Path: f.path, Note: f.note}
	st, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		change.Action = "create"
		return change, true, nil
	}
	if err != nil {
		return change, false, err
	}
	if !st.Mode().IsRegular() {
		return change, false, hint.With(refuse("%s is there and not a regular file", f.path), "move it away")
	}
	have, err := os.ReadFile(f.path)
	if err != nil {
		return change, false, err
	}
	return change, st.Mode().Perm() != f.modeOver(st) || !bytes.Equal(have, f.data), nil
}

// modeOver is the mode of the file in the place of another: its owner's part, and
// of the rest no more than that one has.
func (f installFile) modeOver(st fs.FileInfo) fs.FileMode {
	return f.mode&0o700 | f.mode&st.Mode().Perm()
}

// write replaces the file by one rename. A program that runs keeps its old
// bytes, so an upgrade disturbs no slot.
func (f installFile) write() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", filepath.Dir(f.path), err)
	}
	mode, group := f.mode, -1
	if st, err := os.Lstat(f.path); err == nil {
		mode, group = f.modeOver(st), int(st.Sys().(*syscall.Stat_t).Gid)
	}
	// renameio.WriteFile would keep the mode of the file that is replaced.
	t, err := renameio.NewPendingFile(f.path, renameio.WithStaticPermissions(mode))
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	defer t.Cleanup()
	if err := t.Chown(-1, group); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	if _, err := t.Write(f.data); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	if err := t.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	return syncDir(filepath.Dir(f.path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// program is where the running program is and where the units will find it.
type program struct {
	running string
	path    string
}

// program refuses a program that somebody else than root could exchange, since
// the units run it as root from then on. The one that is about to be copied, and
// edgeman-init beside it, may belong to whoever called sudo.
func (h *Host) program() (program, error) {
	p, err := h.findProgram()
	if err != nil {
		return p, err
	}
	if p.running != p.path {
		return p, nil // its copy is judged
	}
	return p, errors.Join(trusted(p.running), p.trustedInit())
}

// trusted refuses a file that others than root can change.
func trusted(path string, also ...int) error {
	if err := state.Trusted(path, also...); err != nil {
		return notTrusted(err)
	}
	return nil
}

func notTrusted(err error) error {
	err = refuse("%w, and the units would run it as root", err)
	if hint.Has(err) {
		return err
	}
	return hint.With(err, "put the file itself there")
}

// caller is the user behind sudo, if there is one.
func caller() []int {
	if uid, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil {
		return []int{uid}
	}
	return nil
}

func (h *Host) findProgram() (program, error) {
	running, err := h.System.executable()
	if err != nil {
		return program{}, fmt.Errorf("finding the running program: %w", err)
	}
	p := program{running: running, path: filepath.Join(h.System.Root, programPath)}
	for _, stable := range packaged {
		if running == filepath.Join(h.System.Root, stable) {
			p.path = running
		}
	}
	return p, nil
}

// shim is edgeman-init beside the running program, where install copies it from.
func (p program) shim() string { return filepath.Join(filepath.Dir(p.running), "edgeman-init") }

// init is edgeman-init where the slots' service finds it, by the program that it
// runs; empty when it is missing.
func (p program) init() string {
	dir := filepath.Dir(p.path)
	for _, path := range []string{filepath.Join(filepath.Dir(dir), "lib", "edgeman", "edgeman-init"), filepath.Join(dir, "edgeman-init")} {
		if isFile(path) {
			return path
		}
	}
	return ""
}

// trustedInit judges the edgeman-init that is in place, if there is one.
func (p program) trustedInit() error {
	if init := p.init(); init != "" {
		return trusted(init)
	}
	return nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// warnInit tells whoever installs that native mode lacks its program: without a
// word nobody would know before the first container that fails.
func (h *Host) warnInit() error {
	p, err := h.findProgram()
	if err == nil && p.init() == "" && !isFile(p.shim()) {
		h.warn("edgeman-init is missing: mode native is not available, all else is")
		h.hint("put it beside %s and run edgeman install again", p.running)
	}
	return err
}

// needInit refuses mode native without edgeman-init. installs says that the
// command installs first, and so takes the one beside the running program along.
func (h *Host) needInit(mode string, installs bool) error {
	if mode != "native" {
		return nil
	}
	p, err := h.findProgram()
	if err != nil || installs && isFile(p.shim()) {
		return err
	}
	if p.init() != "" {
		return p.trustedInit()
	}
	return hint.With(refuse("mode native needs edgeman-init, which is missing; nothing was changed"),
		"put it beside %s and run edgeman install again", p.running)
}

// installFiles lists every file with its bytes, for this program and host.
func (h *Host) installFiles(p program, facts Facts) ([]installFile, error) {
	var files []installFile
	if p.running != p.path {
		copies, err := h.copies(p)
		if err != nil {
			return nil, err
		}
		files = append(files, copies...)
	}
	units, err := h.unitFiles(p, facts)
	if err != nil {
		return nil, err
	}
	completion := installFile{path: filepath.Join(h.System.Root, completionPath), mode: 0o644, data: []byte(BashCompletion)}
	return append(append(files, units...), completion), nil
}

// copies are the running program and, if it is there, edgeman-init beside it.
func (h *Host) copies(p program) ([]installFile, error) {
	data, err := state.ReadTrusted(p.running, caller()...)
	if err != nil {
		return nil, notTrusted(err)
	}
	files := []installFile{{path: p.path, mode: 0o755, data: data, note: "a copy of " + p.running}}
	data, err = state.ReadTrusted(p.shim(), caller()...)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, notTrusted(err)
	}
	return append(files, installFile{path: filepath.Join(h.System.Root, libDir, "edgeman-init"), mode: 0o755, data: data}), nil
}

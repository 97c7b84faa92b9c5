package deployer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
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

// installFile is a file as it has to be: its bytes, or those of source.
type installFile struct {
	path   string
	mode   fs.FileMode
	data   []byte
	source string // copied, so that a big file need not be held
	note   string
}

// compare tells whether the file on disk is another than it has to be.
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
		return change, false, refuse("%s is there and not a regular file\nhint: move it away", f.path)
	}
	want, err := f.content()
	if err != nil {
		return change, false, err
	}
	have, err := os.ReadFile(f.path)
	if err != nil {
		return change, false, err
	}
	return change, st.Mode().Perm() != f.mode || !bytes.Equal(have, want), nil
}

func (f installFile) content() ([]byte, error) {
	if f.source == "" {
		return f.data, nil
	}
	return os.ReadFile(f.source)
}

// write replaces the file by one rename. A program that runs keeps its old
// bytes, so an upgrade disturbs no slot.
func (f installFile) write() error {
	data, err := f.content()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", filepath.Dir(f.path), err)
	}
	// renameio.WriteFile would keep the mode of the file that is replaced.
	t, err := renameio.NewPendingFile(f.path, renameio.WithStaticPermissions(f.mode))
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	defer t.Cleanup()
	if _, err := t.Write(data); err != nil {
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
// the units run it as root from then on.
func (h *Host) program() (program, error) {
	p, err := h.findProgram()
	if err != nil || p.running != p.path {
		return p, err
	}
	return p, h.System.ownedByRoot(p.running)
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

// hasInit tells whether the slots' service finds edgeman-init by the program
// that it runs.
func (p program) hasInit() bool {
	dir := filepath.Dir(p.path)
	return isFile(filepath.Join(filepath.Dir(dir), "lib", "edgeman", "edgeman-init")) || isFile(filepath.Join(dir, "edgeman-init"))
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// warnInit tells whoever installs that native mode lacks its program: without a
// word nobody would know before the first container that fails.
func (h *Host) warnInit() error {
	p, err := h.findProgram()
	if err == nil && !p.hasInit() && !isFile(p.shim()) {
		h.warn("edgeman-init is missing: mode native is not available, all else is\nhint: put it beside %s and run edgeman install again", p.running)
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
	if err != nil || p.hasInit() || installs && isFile(p.shim()) {
		return err
	}
	return refuse("mode native needs edgeman-init, which is missing; nothing was changed\nhint: put it beside %s and run edgeman install again", p.running)
}

// ownedByRoot walks up from path: a directory that others may write to is as
// bad as the file itself.
func (s System) ownedByRoot(path string) error {
	for p := path; len(p) > len(s.Root); p = filepath.Dir(p) {
		st, err := os.Stat(p)
		if err != nil {
			return err
		}
		owner := st.Sys().(*syscall.Stat_t).Uid
		sticky := st.IsDir() && st.Mode()&os.ModeSticky != 0
		if owner != 0 && int(owner) != os.Geteuid() || st.Mode().Perm()&0o022 != 0 && !sticky {
			return refuse("%s can be changed by others than root, and the units would run it as root\nhint: chown root:root %s; chmod go-w %s", p, p, p)
		}
		if p == "/" {
			break
		}
	}
	return nil
}

// installFiles lists every file with its bytes, for this program and host.
func (h *Host) installFiles(p program, facts Facts) ([]installFile, error) {
	var files []installFile
	if p.running != p.path {
		files = append(files, installFile{path: p.path, mode: 0o755, source: p.running, note: "a copy of " + p.running})
	}
	if shim := p.shim(); isFile(shim) && p.running != p.path {
		files = append(files, installFile{path: filepath.Join(h.System.Root, libDir, "edgeman-init"), mode: 0o755, source: shim})
	}
	units, err := h.unitFiles(p, facts)
	if err != nil {
		return nil, err
	}
	completion := installFile{path: filepath.Join(h.System.Root, completionPath), mode: 0o644, data: []byte(BashCompletion)}
	return append(append(files, units...), completion), nil
}

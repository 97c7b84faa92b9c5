package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Where install puts things, by the Filesystem Hierarchy Standard: what the
// local administrator installs goes below /usr/local and /etc.
const (
	ProgramPath    = "/usr/local/bin/edgeman"
	LibDir         = "/usr/local/lib/edgeman"
	CompletionPath = "/usr/local/share/bash-completion/completions/edgeman"
)

// packaged are the places where a distribution's package puts the program; it
// is left alone there.
var packaged = []string{"/usr/bin/edgeman", "/usr/sbin/edgeman"}

// Program is where the running program is and where the units will find it.
type Program struct {
	Running string
	Path    string
}

// Trusted refuses a program that somebody else than root could exchange, since
// the units run it as root from then on. The one that is about to be copied, and
// edgeman-init beside it, may belong to whoever called sudo.
func (h *Host) Trusted() (Program, error) {
	p, err := h.findProgram()
	if err != nil {
		return p, err
	}
	if p.Running != p.Path {
		return p, nil // its copy is judged
	}
	return p, errors.Join(trusted(p.Running), p.trustedInit())
}

func (h *Host) findProgram() (Program, error) {
	running, err := h.System.executable()
	if err != nil {
		return Program{}, fmt.Errorf("finding the running program: %w", err)
	}
	p := Program{Running: running, Path: filepath.Join(h.System.Root, ProgramPath)}
	for _, stable := range packaged {
		if running == filepath.Join(h.System.Root, stable) {
			p.Path = running
		}
	}
	return p, nil
}

// Shim is edgeman-init beside the running program, where install copies it from.
func (p Program) Shim() string { return filepath.Join(filepath.Dir(p.Running), "edgeman-init") }

// init is edgeman-init where the slots' service finds it, by the program that it
// runs; empty when it is missing.
func (p Program) init() string {
	dir := filepath.Dir(p.Path)
	for _, path := range []string{filepath.Join(filepath.Dir(dir), "lib", "edgeman", "edgeman-init"), filepath.Join(dir, "edgeman-init")} {
		if isFile(path) {
			return path
		}
	}
	return ""
}

// trustedInit judges the edgeman-init that is in place, if there is one.
func (p Program) trustedInit() error {
	if init := p.init(); init != "" {
		return trusted(init)
	}
	return nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

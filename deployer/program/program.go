// Package program finds the running edgeman, the one that the units start, and
// edgeman-init, and judges whether root may run them.
package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"edgeman/deployer/console"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Host is what program asks.
type Host struct {
	*console.Console
	System System
}

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

// System is the part of the host that install writes to besides state.Paths.
// The zero System is the real one.
type System struct {
	Root       string                 // in front of every path of the system's
	Executable func() (string, error) // the running program
}

func (s System) executable() (string, error) {
	find := s.Executable
	if find == nil {
		find = os.Executable
	}
	path, err := find()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// WarnInit warns that native mode lacks its program, which nobody would notice
// before the first container that fails.
func (h *Host) WarnInit() error {
	p, err := h.findProgram()
	if err == nil && p.init() == "" && !isFile(p.Shim()) {
		h.Warn("edgeman-init is missing: mode native is not available, everything else is")
		h.Hint("put it beside %s and run edgeman install again", p.Running)
	}
	return err
}

// NeedInit refuses mode native without edgeman-init. installs says that the
// command installs first, and so takes the one beside the running program along.
func (h *Host) NeedInit(mode string, installs bool) error {
	if mode != "native" {
		return nil
	}
	p, err := h.findProgram()
	if err != nil || installs && isFile(p.Shim()) {
		return err
	}
	if p.init() != "" {
		return p.trustedInit()
	}
	return hint.With(outcome.Refuse("mode native needs edgeman-init, which is missing; nothing was changed"),
		"put it beside %s and run edgeman install again", p.Running)
}

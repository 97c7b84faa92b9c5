package program

import (
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

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

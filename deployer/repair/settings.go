package repair

import (
	"strings"

	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
)

// restoreSettings rewrites the settings file that somebody removed, as far as the
// live release records what was in it.
func (h *Host) restoreSettings(name string) error {
	_, r, filled, err := slots.Served(h.Paths, name)
	if err != nil {
		return err
	}
	if !filled {
		return hint.With(outcome.Refuse("the settings of %s are lost, and its live slot is empty", name), "put %s back", h.Paths.AppConfig(name))
	}
	a := state.DefaultApp(name)
	a.Mode, a.Port, a.Health, a.Replicas = r.Mode, r.Port, r.Health, r.Count()
	a.HealthHeaders = r.HealthHeaders
	a.Image, a.Command, a.Env = registry.Repository(r.Image), r.Command, r.Env
	a.Native.Blocking = r.Blocking
	if r.Via != "" {
		a.Proxy.Via = r.Via
	}
	if err := h.Paths.WriteApp(a); err != nil {
		return err
	}
	h.Note("%s was missing: written from release %d", h.Paths.AppConfig(name), r.Number)
	h.Warn("what a release does not record has its default now: %s", strings.Join([]string{
		"strategy", "idle", "keep_warm", "allow_writable_layer", "retain", "drain", "start", "env_file (its lines are in env)",
	}, ", "))
	return nil
}

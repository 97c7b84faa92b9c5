// Package repair completes or undoes what an interrupted command left of an app.
package repair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeman/deployer/adopt"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/unadopt"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Host is what repair touches.
type Host struct {
	*slots.Host
	Docker  Docker
	Adopt   *adopt.Host   // an adoption is completed or undone by adopt itself
	Unadopt *unadopt.Host // giving back is completed by unadopt itself
}

// Docker are the calls on the Docker daemon that repair needs beyond a slot's.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	images.Images
	images.Puller
}

// Repair completes or undoes what an interrupted command left of the app, and
// says which. An app that needs no repair is left alone.
func (h *Host) Repair(ctx context.Context, name string) error {
	if err := sockets.ValidName(name); err != nil {
		return &outcome.UsageError{Err: err}
	}
	if _, err := os.Stat(h.Paths.App(name)); errors.Is(err, os.ErrNotExist) {
		return errors.Join(state.NoApp(name), h.Paths.SweepRemoved(name))
	}
	lock, err := h.TakeLock(ctx, name, "repair")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	op, interrupted, err := h.Paths.ReadOperation(name)
	if err != nil {
		return err
	}
	if !interrupted {
		return h.repairWhole(ctx, name)
	}
	app, err := h.Paths.ReadApp(name)
	if errors.Is(err, state.ErrNoApp) || errors.Is(err, state.ErrNoSettings) {
		app, err = state.DefaultApp(name), nil
	}
	if err != nil {
		return err
	}
	switch op.Name {
	case "adopt":
		return h.Adopt.Finish(ctx, app, lock, op)
	case "unadopt":
		return h.Unadopt.Finish(ctx, app, lock, op)
	}
	return h.Resume(ctx, app)
}

// repairWhole looks after an app on which no command was interrupted.
func (h *Host) repairWhole(ctx context.Context, name string) error {
	app, err := h.Paths.ReadApp(name)
	if errors.Is(err, state.ErrNoApp) || errors.Is(err, state.ErrNoSettings) {
		_, live, liveErr := sockets.ReadLive(h.Paths.Live(name))
		switch {
		case liveErr != nil:
			return errors.Join(err, liveErr)
		case live:
			return h.restoreSettings(name)
		}
		// Killed before it had begun, or after it was over.
		h.Note("an interrupted command had left some files of %s and nothing else: removed", name)
		return h.Unadopt.RemoveApp(ctx, name)
	}
	if err != nil {
		return err
	}
	return h.repairSlots(ctx, app)
}

// restorePointer makes the one slot live that is filled, after somebody has
// removed the pointer.
func (h *Host) restorePointer(ctx context.Context, name string) (sockets.Slot, error) {
	var filled []sockets.Slot
	for _, slot := range slots.Both(name) {
		if _, ok, err := h.Paths.SlotRelease(slot); err != nil {
			return slot, err
		} else if ok {
			filled = append(filled, slot)
		}
	}
	if len(filled) != 1 {
		return sockets.Slot{}, &outcome.BrokenError{Err: hint.With(fmt.Errorf("%s has no live pointer, and %d slots are filled", name, len(filled)),
			"edgeman unadopt %s gives the site back", name)}
	}
	err := h.Paths.SetLive(ctx, filled[0])
	if err == nil {
		h.Step("switch", "the live pointer was gone: → %s", filled[0].Color)
	}
	return filled[0], err
}

// repairSlots looks for units that should run and do not.
func (h *Host) repairSlots(ctx context.Context, app state.App) error {
	name := app.Name
	live, r, filled, err := slots.Served(h.Paths, name)
	pointless := err == nil && live == (sockets.Slot{})
	if pointless {
		if live, err = h.restorePointer(ctx, name); err == nil {
			r, filled, err = h.Paths.SlotRelease(live)
		}
	}
	switch {
	case err != nil:
		return err
	case !filled:
		return &outcome.BrokenError{Err: hint.With(fmt.Errorf("the live slot %s is empty", live), "edgeman unadopt %s gives the site back", name)}
	}
	started, err := h.repairUnits(ctx, live, r)
	if err != nil {
		return err
	}
	if err := h.SweepOther(ctx, live.Other()); err != nil {
		return err
	}
	mended, err := h.repairContainers(ctx, live, r)
	if err != nil {
		return err
	}
	if started || mended || pointless {
		return h.AwaitHealthy(ctx, live, r.Number, time.Duration(app.Start.Timeout))
	}
	return h.sayWhole(ctx, app, live, r.Number)
}

// repairUnits writes again where the slots listen, if that is gone, and starts the
// live slot's units that do not run.
func (h *Host) repairUnits(ctx context.Context, live sockets.Slot, r state.Release) (started bool, err error) {
	written, err := h.WriteListeners(live.App, r.Listeners)
	if err == nil && written {
		err = h.Units.Reload(ctx)
		h.Step("units", "what says where the slots of %s listen was not as it should be: written again", live.App)
	}
	if err != nil {
		return false, err
	}
	for _, unit := range []string{live.SocketUnit(), live.ServiceUnit()} {
		st, err := h.Units.State(ctx, unit)
		if err != nil {
			return started, err
		}
		if st.Active == "active" || st.Active == "activating" {
			continue
		}
		if err := errors.Join(h.Units.ResetFailed(ctx, unit), h.StartUnit(ctx, unit)); err != nil {
			return started, &outcome.BrokenError{Err: err}
		}
		h.Step("start", "%s was %s", unit, st.Active)
		started = true
	}
	return started || written, nil
}

// sayWhole says that there was nothing to repair, after a look at an app that is
// only just coming up and may still turn out to be unhealthy.
func (h *Host) sayWhole(ctx context.Context, app state.App, live sockets.Slot, release int) error {
	st, _, err := h.Paths.ReadSlotStatus(live)
	if err != nil {
		return err
	}
	if ails := st.Phase == state.PhaseStarting || st.Phase == state.PhaseWaiting || st.Phase == state.PhaseFailed; ails {
		h.Note("release %d on %s is not healthy: %s", release, live.Color, words.OrDash(st.Message))
		if err := h.awaitUp(ctx, live, release, time.Duration(app.Start.Timeout)); err != nil {
			return &outcome.BrokenError{Err: hint.With(err, "edgeman logs %s -n 50", app.Name)}
		}
	}
	h.Note("%s: nothing to repair", app.Name)
	return nil
}

// awaitUp gives a slot that tries to come up again and again the time to do so.
func (h *Host) awaitUp(ctx context.Context, live sockets.Slot, release int, limit time.Duration) error {
	last, in, err := h.Watch(ctx, live, "start", limit, func(s slots.View) bool {
		return s.Status.Whole() || s.Status.Phase == state.PhaseIdle || s.Status.Phase == state.PhaseHolding
	})
	if err == nil && !in {
		err = fmt.Errorf("release %d does not become healthy: %s", release, words.OrDash(last.Status.Message))
	}
	return err
}

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
	a.Mode, a.Listeners, a.Health, a.Replicas = r.Mode, r.Listeners, r.Health, r.Count()
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

package deployer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

// takeover is one run of adopt for one app.
type takeover struct {
	*Host
	candidate
	o       AdoptOptions
	app     state.App
	slot    sockets.Slot
	lock    *state.Lock
	op      state.Operation
	record  Adoption
	release state.Release
	started time.Time
	drain   time.Duration
	timeout time.Duration
	cut     int
}

// adopt carries one candidate out. Every step is undone on failure, by the same
// code that gives a site back later.
func (h *Host) adopt(ctx context.Context, o AdoptOptions, c candidate) error {
	t := &takeover{Host: h, candidate: c, o: o, started: time.Now(), slot: sockets.Slot{App: c.name, Color: sockets.Blue}}
	t.settings()
	if err := t.app.Validate(); err != nil {
		return &UsageError{err}
	}
	if err := h.Paths.MakeApp(c.name); err != nil {
		return err
	}
	lock, err := h.takeLock(ctx, c.name, "adopt")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	t.lock = lock
	if err := t.stillFree(); err != nil {
		return err
	}
	steps := []func(context.Context) error{t.writeState, t.openSlot, t.changeNginx, t.retireContainer}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return t.undo(ctx, err)
		}
	}
	if err := h.Paths.EndOperation(c.name); err != nil {
		return err
	}
	err = h.Paths.Record(c.name, state.Event{
		Time: time.Now().UTC(), Operation: "adopt", Release: t.release.Number, Image: t.release.Image, Digest: t.release.Digest,
		Slot: t.slot.String(), By: state.Caller(), Seconds: time.Since(t.started).Seconds(), Outcome: state.Done, Cut: t.cut,
	})
	if err == nil {
		fmt.Fprintf(h.Out, "%s adopted.  undo: edgeman release %s\n", c.name, c.name)
	}
	return err
}

// stillFree looks again under the lock: another adopt may have taken the name.
func (t *takeover) stillFree() error {
	if _, err := t.Paths.ReadApp(t.name); !errors.Is(err, state.ErrNoApp) {
		return refuse("%s was adopted meanwhile\nhint: edgeman status %s", t.name, t.name)
	}
	if op, busy, err := t.Paths.ReadOperation(t.name); err != nil {
		return err
	} else if busy {
		return refuse("%s of %s was interrupted\nhint: edgeman repair %s", op.Name, t.name, t.name)
	}
	return nil
}

// settings are the app's intent as adopt writes it.
func (t *takeover) settings() {
	t.app = state.DefaultApp(t.name)
	t.app.Port, t.app.Health, t.app.Image = t.port, t.o.Health, repositoryOf(t.image)
	t.app.Proxy.Via = t.via
	if t.o.Mode != "" {
		t.app.Mode = t.o.Mode
	}
	if t.o.Drain > 0 {
		t.app.Drain.Timeout = state.Duration(t.o.Drain)
	}
	if t.o.Timeout > 0 {
		t.app.Start.Timeout = state.Duration(t.o.Timeout)
	}
	t.drain, t.timeout = time.Duration(t.app.Drain.Timeout), time.Duration(t.app.Start.Timeout)
}

// writeState puts down everything that the undo needs, then release 1 and the
// live pointer. Nothing outside of edgeman's own directories is touched.
func (t *takeover) writeState(ctx context.Context) error {
	image, err := t.Docker.Image(ctx, t.container.ImageID)
	if err != nil {
		return err
	}
	t.record = Adoption{
		App: t.name, Site: t.o.Site, Target: t.target.Address, Address: t.target.Addr, Upstream: t.target.Upstream,
		Class: t.target.Class, Plan: t.plan, Container: t.container.Name, ContainerID: t.container.ID,
		RestartPolicy: t.container.RestartPolicy, Image: t.container.Image, ImageID: t.container.ImageID, Release: 1,
		Recreate: len(t.adoption.Recreate) > 0, Health: t.o.Health, By: state.Caller(), Time: time.Now().UTC(),
	}
	if err := writeAdoption(t.Paths, t.record, t.container.Raw); err != nil {
		return err
	}
	t.op = state.Operation{Name: "adopt", Release: 1, Slot: t.slot.String(), Started: t.started}
	if err := t.begin(stepState); err != nil {
		return err
	}
	if err := t.Paths.WriteApp(t.app); err != nil {
		return err
	}
	t.release = state.Release{
		App: t.name, Image: t.image, ImageID: t.container.ImageID, Digest: found{image, t.image}.digest(), Created: time.Now().UTC(), By: state.Caller(),
		Mode: t.app.Mode, Via: t.via, Port: t.port, Health: t.app.Health, Settings: t.adoption.Settings, Recreate: t.adoption.Recreate,
	}
	if err := t.Paths.WriteRelease(&t.release); err != nil {
		return err
	}
	return sockets.SwitchLive(t.Paths.Live(t.name), t.Paths.Run, t.slot)
}

// openSlot starts the slot beside the old container. Where the two must not run
// at the same time, it listens and holds requests back instead.
func (t *takeover) openSlot(ctx context.Context) error {
	if err := t.begin(stepSlot); err != nil {
		return err
	}
	if t.record.Recreate {
		if err := t.warnWait(ctx, wait{limit: t.drain + t.timeout}); err != nil {
			return err
		}
		until := time.Now().Add(t.drain + t.timeout + reloadWait + stopSlack)
		if err := t.Paths.SetPause(t.slot, state.Pause{Until: until, Reason: state.PauseAdopt, Container: t.container.ID}); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := t.enable(ctx); err != nil {
		return err
	}
	if err := t.fill(ctx, t.slot, t.release); err != nil {
		return err
	}
	t.step("socket", "edgeman@%s listening", t.slot)
	if t.record.Recreate {
		return nil
	}
	return t.awaitStart(ctx, start)
}

func (t *takeover) awaitStart(ctx context.Context, start time.Time) error {
	if err := t.awaitHealthy(ctx, t.slot, t.release.Number, t.timeout); err != nil {
		return t.withLastWords(ctx, err, t.release.Container(t.slot.Color))
	}
	t.step("start", "release %d (%s) healthy after %s", t.release.Number, t.release.Image, seconds(time.Since(start)))
	return nil
}

// enable makes both slots' units start at boot; only a filled slot listens.
func (h *Host) enableUnits(ctx context.Context, app string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, unitWait)
	defer cancel()
	var units []string
	for _, slot := range slotsOf(app) {
		units = append(units, slot.SocketUnit(), slot.ServiceUnit())
	}
	change := h.Units.Disable
	if on {
		change = h.Units.Enable
	}
	if err := change(ctx, units...); err != nil {
		return err
	}
	return h.Units.Reload(ctx)
}

func (t *takeover) enable(ctx context.Context) error { return t.enableUnits(ctx, t.name, true) }

// reload tests what lies on disk for real and makes it live.
func (h *Host) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reloadWait)
	defer cancel()
	if _, err := h.Nginx.Test(ctx); err != nil {
		return err
	}
	_, err := h.Nginx.Reload(ctx)
	return err
}

// retireContainer waits until nginx has let go of the old container, stops it
// and keeps it. With recreate the new one starts only then.
func (t *takeover) retireContainer(ctx context.Context) error {
	d, err := t.awaitOldWorkers(ctx, t.drain, func() (int, error) { return sockets.TCPConnections(t.target.Addr) })
	if err != nil {
		return err
	}
	if err := t.stopOld(ctx, t.record); err != nil {
		return err
	}
	t.cut = d.cut
	t.step("drain", "old container: %s, stopped and kept", d)
	if !t.record.Recreate {
		return nil
	}
	start := time.Now()
	if err := t.Paths.ClearPause(t.slot); err != nil {
		return err
	}
	return t.awaitStart(ctx, start)
}

// stopOld takes the adopted container out of service without losing it: its
// restart policy first, or the daemon would bring it back.
func (h *Host) stopOld(ctx context.Context, a Adoption) error {
	if err := h.Docker.SetRestart(ctx, a.ContainerID, "no"); err != nil {
		return err
	}
	return h.Docker.Stop(ctx, a.ContainerID)
}

// undo gives everything back after a step has failed, and says so.
func (t *takeover) undo(ctx context.Context, cause error) error {
	undone := t.giveBack(context.WithoutCancel(ctx), back{app: t.app, record: t.record, timeout: t.timeout, drain: t.drain, undo: true, quiet: true})
	if undone != nil {
		return &BrokenError{fmt.Errorf("%w\nundoing that did not succeed either: %w\nhint: edgeman repair %s", cause, undone, t.name)}
	}
	var usageErr *UsageError
	if errors.As(cause, &usageErr) {
		return cause
	}
	return fmt.Errorf("adopting %s: %w\neverything is as it was before", t.name, cause)
}

func (t *takeover) begin(step string) error {
	t.op.Step = step
	return t.Paths.BeginStep(t.name, t.op)
}

package adopt

import (
	"context"
	"encoding/json"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/images"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// settings are the app's intent as adopt writes it.
func (t *takeover) settings() {
	t.app = state.DefaultApp(t.name)
	t.app.Listeners, t.app.Health, t.app.Image = t.listeners(), t.health, images.RepositoryFor(t.image, t.containers[0].ImageID)
	t.app.HealthHeaders = t.headers
	t.app.Proxy.Via, t.app.Replicas = t.via, len(t.containers)
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
	first, old := t.main(), t.containers[0]
	image, err := t.Docker.Image(ctx, old.ImageID)
	if err != nil {
		return err
	}
	t.record = adoption.Record{
		App: t.name, Site: t.o.Sites[0], Sites: t.o.Sites, Upstream: first.Upstream, Class: first.Class, Plan: t.plan,
		Image: old.Image, ImageID: old.ImageID, Release: 1,
		StopFirst: len(t.adoption.StopFirst) > 0, Beside: t.beside, Health: state.HealthPath(t.app.Health), HealthListener: t.healthWay(Options{Health: t.app.Health}).listener().Name, Headers: t.app.HealthHeaders, By: state.Caller(), Time: time.Now().UTC(),
	}
	var inspects []json.RawMessage
	for i, c := range t.containers {
		o := adoption.Original{Container: c.Name, ContainerID: c.ID, RestartPolicy: c.RestartPolicy}
		for _, w := range t.ways {
			at := w.targets[i]
			o.At = append(o.At, adoption.Served{Listener: w.listener().Name, Target: at.Address, Address: at.Addr, Direct: c.Owns(at.Addr.Addr())})
		}
		if i == 0 {
			t.record.Original = o
		} else {
			t.record.Others = append(t.record.Others, o)
		}
		inspects = append(inspects, c.Raw)
	}
	if err := adoption.Write(t.Paths, t.record, inspects); err != nil {
		return err
	}
	if err := t.Paths.WriteApp(t.app); err != nil {
		return err
	}
	t.release = state.Release{
		App: t.name, Image: t.image, ImageID: old.ImageID, Replicas: t.app.Replicas, Digest: image.Digest(registry.Repository(t.image)), Created: time.Now().UTC(), By: state.Caller(),
		Mode: t.app.Mode, Via: t.via, Listeners: t.app.Listeners, Health: t.app.Health, HealthHeaders: t.app.HealthHeaders, Settings: t.adoption.Settings, StopFirst: t.adoption.StopFirst,
	}
	if err := t.Paths.WriteRelease(&t.release); err != nil {
		return err
	}
	return t.Paths.SetLive(ctx, t.slot)
}

// rehearse makes sure that each container could be recreated: it has to be if
// somebody prunes it, and one with --rm is gone as soon as it stops.
func (t *takeover) rehearse(ctx context.Context) error {
	for _, c := range t.containers {
		if err := t.Docker.Rehearse(ctx, c.Raw); err != nil {
			return hint.With(outcome.Refuse("container %s could not be recreated if it were removed: %w", c.Name, err),
				"nothing was changed; run it again with settings that this Docker accepts")
		}
	}
	return nil
}

// openSlot starts the slot beside the old container, and makes sure that nginx may
// be led to it. Where the two must not run at the same time, it listens and holds
// requests back instead.
func (t *takeover) openSlot(ctx context.Context) error {
	hold := state.Pause{}
	if t.record.StopFirst {
		hold = t.pause()
	}
	start := time.Now()
	if err := t.EnableUnits(ctx, t.name, t.app.Listeners); err != nil {
		return err
	}
	if err := t.Fill(ctx, t.slot, t.release, hold); err != nil {
		return err
	}
	t.Step("socket", "edgeman@%s listening", t.slot)
	if !t.record.StopFirst {
		if err := t.awaitStart(ctx, start); err != nil {
			return err
		}
	}
	return t.testNginx(ctx)
}

func (t *takeover) awaitStart(ctx context.Context, start time.Time) error {
	if err := t.AwaitHealthy(ctx, t.slot, t.release.Number, t.timeout); err != nil {
		err = t.WhyNotHealthy(ctx, err, t.Ailing(t.slot, t.release), t.release, "--port")
		if t.app.Health == "" && t.containers[0].Healthcheck != nil {
			err = hint.With(err, "--health PATH asks the app itself, --health connect only its port, instead of the image's HEALTHCHECK")
		}
		return err
	}
	t.bootTook = time.Since(start)
	if err := t.compareNew(ctx, start); err != nil {
		return err
	}
	t.Step("start", "release %d (%s) healthy after %s", t.release.Number, t.release.Image, words.Took(t.bootTook))
	return nil
}

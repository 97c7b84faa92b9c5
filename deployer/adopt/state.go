package adopt

import (
	"context"
	"encoding/json"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/images"
	"edgeman/deployer/state"
)

// settle tells the history that the app is adopted, and that nothing is half-done.
func (t *takeover) settle(note string) error {
	e := state.Event{
		Time: time.Now().UTC(), Operation: "adopt", Release: t.release.Number, Image: t.release.Image, Digest: t.release.Digest,
		Slot: t.slot.String(), By: state.Caller(), Seconds: state.Seconds(time.Since(t.started)), Outcome: state.Done, Note: note,
		Stop: state.Seconds(t.stopTook), Boot: state.Seconds(t.bootTook),
	}
	e.Ended = t.ended
	if err := t.Paths.Record(t.name, e); err != nil {
		return err
	}
	return t.Paths.EndOperation(t.name)
}

// settings are the app's intent as adopt writes it.
func (t *takeover) settings() {
	t.app = state.DefaultApp(t.name)
	t.app.Port, t.app.Health, t.app.Image = t.port, t.health, images.RepositoryFor(t.image, t.containers[0].ImageID)
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
	first, old := t.targets[0], t.containers[0]
	image, err := t.Docker.Image(ctx, old.ImageID)
	if err != nil {
		return err
	}
	t.record = adoption.Record{
		App: t.name, Site: t.o.Site, Upstream: first.Upstream, Class: first.Class, Plan: t.plan,
		Image: old.Image, ImageID: old.ImageID, Release: 1,
		Recreate: len(t.adoption.Recreate) > 0, Health: state.HealthPath(t.app.Health), Headers: t.app.HealthHeaders, By: state.Caller(), Time: time.Now().UTC(),
	}
	var inspects []json.RawMessage
	for i, c := range t.containers {
		o := adoption.Original{
			Target: t.targets[i].Address, Address: t.targets[i].Addr,
			Container: c.Name, ContainerID: c.ID, RestartPolicy: c.RestartPolicy,
			Direct: c.Owns(t.targets[i].Addr.Addr()),
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
		Mode: t.app.Mode, Via: t.via, Port: t.port, Health: t.app.Health, HealthHeaders: t.app.HealthHeaders, Settings: t.adoption.Settings, Recreate: t.adoption.Recreate,
	}
	if err := t.Paths.WriteRelease(&t.release); err != nil {
		return err
	}
	return t.Paths.SetLive(ctx, t.slot)
}

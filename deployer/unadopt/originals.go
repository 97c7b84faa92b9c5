package unadopt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// startOriginals brings the adopted containers back to their addresses and waits
// until all of them answer there.
func (h *Host) startOriginals(ctx context.Context, b *giving) error {
	var all []docker.Container
	var ids, asleep []string
	for i, o := range b.record.Originals() {
		c, err := h.original(ctx, *b, i, o)
		if err != nil {
			return err
		}
		all, ids = append(all, c), append(ids, c.ID)
		if !c.Running {
			asleep = append(asleep, c.ID)
		}
	}
	b.patient = h.patience(*b, all)
	var err error
	if b.way, err = h.makeWay(ctx, *b, ids, len(asleep) == 0); err != nil {
		return err
	}
	b.originals, b.asleep = ids, asleep
	start := time.Now()
	if b.ports, err = h.runOriginals(ctx, *b, all); err != nil {
		return err
	}
	late, err := h.awaitOriginals(ctx, *b, all)
	if err == nil {
		err = b.way.forward(h, b.ports)
	}
	if err != nil || len(asleep) == 0 || late {
		return err
	}
	verb := "answers"
	if len(all) > 1 {
		verb = "answer"
	}
	h.Step("start", "%s (%s) %s after %s", b.record.Containers(), all[0].Image, verb, words.Took(time.Since(start)))
	return nil
}

// leaveOriginals undoes startOriginals: those that it started are stopped again,
// unless the site depends on them and they run. Then what waits in the slot has
// nobody else to go to.
func (h *Host) leaveOriginals(ctx context.Context, b giving) error {
	if b.keep && len(b.originals) > 0 && h.allRun(ctx, b.originals) {
		return b.way.forward(h, b.ports)
	}
	return errors.Join(h.stopAgain(ctx, b.asleep), b.way.close(h))
}

func (h *Host) allRun(ctx context.Context, ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		c, err := h.Docker.Inspect(ctx, id)
		return err != nil || !c.Running
	})
}

// stopAgain stops containers that were started in vain.
func (h *Host) stopAgain(ctx context.Context, ids []string) error {
	err := h.StopAll(ctx, ids)
	for _, id := range ids {
		err = errors.Join(err, h.Docker.SetRestart(ctx, id, "no"))
	}
	return err
}

// runOriginals starts the containers that do not run, with their own restart
// policies. ports are where they listen.
func (h *Host) runOriginals(ctx context.Context, b giving, all []docker.Container) (ports []state.Listener, err error) {
	taken, err := h.freeAddresses(ctx, b, all)
	originals := b.record.Originals()
	for _, i := range byAddress(originals) {
		if err != nil {
			break
		}
		var c docker.Container
		c, err = h.runOriginal(ctx, all[i], originals[i])
		ports = nil
		for _, s := range originals[i].At {
			ports = append(ports, state.Listener{Name: s.Listener, Port: b.portOf(c, s)})
		}
	}
	return ports, errors.Join(err, taken())
}

// awaitOriginals waits until all of them answer. late says that one that does not
// is given the site all the same.
func (h *Host) awaitOriginals(ctx context.Context, b giving, all []docker.Container) (late bool, err error) {
	deadline := time.Now().Add(b.patient)
	for i, o := range b.record.Originals() {
		if b.undo && all[i].Running && all[i].Started.Before(b.begun) {
			continue // it ran all the time: it is as it was
		}
		err := h.awaitAnswer(ctx, b, o, all[i].ID, deadline)
		if notYet(err) && (b.keep || b.unready) {
			h.Warn("%s; it runs, and the site is given back to it: docker logs -f %s", words.FirstLine(err.Error()), all[i].Name)
			late = true
			continue
		}
		if err != nil {
			return late, h.WithLastWords(ctx, err, all[i].Name)
		}
	}
	return late, nil
}

// runOriginal makes sure that a container runs where nginx's file looks for it.
func (h *Host) runOriginal(ctx context.Context, c docker.Container, o adoption.Original) (docker.Container, error) {
	if !c.Running {
		if err := h.Docker.Start(ctx, c.ID); err != nil {
			return c, err
		}
	}
	if err := h.Docker.SetRestart(ctx, c.ID, o.RestartPolicy); err != nil {
		return c, err
	}
	now, err := h.Docker.Inspect(ctx, c.ID) // a stopped container publishes nothing
	if ip, direct := o.Direct(); err == nil && direct && !now.Owns(ip) {
		err = addressLost(now, ip)
	}
	return now, err
}

// original is a container to go back to: the one that was kept, or one made
// from its stored settings when it is gone.
func (h *Host) original(ctx context.Context, b giving, i int, o adoption.Original) (docker.Container, error) {
	if b.live != nil {
		return h.originalWith(ctx, b, i, o)
	}
	c, err := h.Docker.Inspect(ctx, o.ContainerID)
	if !errors.Is(err, docker.ErrNotFound) {
		return c, err
	}
	raw, err := adoption.ReadInspect(h.Paths, b.app.Name, i)
	if err != nil {
		return c, err
	}
	if c, err = h.Docker.Inspect(ctx, o.Container); err == nil {
		return c, isOriginal(c, o) // made by an earlier run that was interrupted
	}
	id, lost, err := h.Docker.Recreate(ctx, raw)
	if err != nil {
		return c, fmt.Errorf("container %s is gone and could not be recreated: %w", o.Container, err)
	}
	b.result.Recreated = true
	h.Note("container %s was gone; it is recreated from its stored settings, without the contents of its writable layer", o.Container)
	for _, volume := range lost {
		h.Note("volume %s is gone too and comes back empty", volume)
	}
	return h.Docker.Inspect(ctx, id)
}

// isOriginal refuses a container that has merely taken the adopted one's name.
func isOriginal(c docker.Container, o adoption.Original) error {
	for _, s := range o.At {
		if _, ok := c.PortBehind(s.Address, 0); !ok {
			return hint.With(fmt.Errorf("another container is called %s now, and it does not publish %s", c.Name, s.Target),
				"docker rename %s another-name", c.Name)
		}
	}
	return nil
}

// portOf is where the adopted container itself listens behind one of its
// addresses, whatever adopt was told.
func (b giving) portOf(c docker.Container, s adoption.Served) uint16 {
	if port, ok := c.PortBehind(s.Address, 0); ok {
		return port
	}
	for _, l := range b.app.Listeners {
		if l.Name == s.Listener {
			return l.Port
		}
	}
	return 0
}

// originalMadeAgain is the container that somebody, such as Compose, has made in the
// place of an adopted one, under its name.
func (h *Host) originalMadeAgain(ctx context.Context, record adoption.Record) (docker.Container, bool, error) {
	for _, o := range record.Originals() {
		if _, err := h.Docker.Inspect(ctx, o.ContainerID); !errors.Is(err, docker.ErrNotFound) {
			if err != nil {
				return docker.Container{}, false, err
			}
			continue
		}
		c, err := h.Docker.Inspect(ctx, o.Container)
		if err == nil || !errors.Is(err, docker.ErrNotFound) {
			return c, err == nil, err
		}
	}
	return docker.Container{}, false, nil
}

// originalWith makes the container to go back to from the adopted one's own
// settings, ports included, and the live release's image. The adopted one is
// kept under another name.
func (h *Host) originalWith(ctx context.Context, b giving, i int, o adoption.Original) (docker.Container, error) {
	c, err := h.Docker.Inspect(ctx, o.Container)
	switch {
	case err == nil && c.ID != o.ContainerID && c.ImageID == b.live.ImageID:
		return c, isOriginal(c, o) // made by an earlier run that was interrupted
	case err == nil:
		if err := h.putAside(ctx, c, o); err != nil {
			return c, err
		}
	case !errors.Is(err, docker.ErrNotFound):
		return c, err
	}
	raw, err := adoption.ReadInspect(h.Paths, b.app.Name, i)
	if err != nil {
		return c, err
	}
	settings, _, err := h.Data.WithVolumes(*b.live)
	if err != nil {
		return c, err
	}
	id, err := h.Docker.RecreateAs(ctx, raw, docker.Spec{ImageID: b.live.ImageID, Ref: b.live.Image, Settings: settings, Env: b.live.Env, Command: b.live.Command})
	if err != nil {
		return c, fmt.Errorf("making container %s from release %d: %w", o.Container, b.live.Number, err)
	}
	return h.Docker.Inspect(ctx, id)
}

// keptSuffix marks the adopted container once another one, made from the live
// release, has taken its name.
const keptSuffix = "-before-edgeman"

// putAside renames a container out of the way: the adopted one, or one that
// somebody has since made in its place.
func (h *Host) putAside(ctx context.Context, c docker.Container, o adoption.Original) error {
	aside := o.Container + keptSuffix
	_, err := h.Docker.Inspect(ctx, aside) // from an earlier giving back, perhaps
	if c.ID != o.ContainerID || !errors.Is(err, docker.ErrNotFound) {
		aside += fmt.Sprintf("-%.12s", c.ID)
	}
	if c.Running {
		if err := errors.Join(h.Docker.SetRestart(ctx, c.ID, "no"), h.Docker.Stop(ctx, c.ID)); err != nil {
			return err
		}
	}
	if err := h.Docker.Rename(ctx, c.ID, aside); err != nil {
		return err
	}
	h.Note("container %s (%s) is kept as %s", o.Container, c.Image, aside)
	return nil
}

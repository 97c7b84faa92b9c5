package deployer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// startOriginals brings the adopted containers back to their addresses and waits
// until all of them answer there. On failure those that it started are stopped
// again.
func (h *Host) startOriginals(ctx context.Context, b back) error {
	var all []docker.Container
	for i, o := range b.record.originals() {
		c, err := h.original(ctx, b, i, o)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	var ids, asleep []string
	for _, c := range all {
		ids = append(ids, c.ID)
		if !c.Running {
			asleep = append(asleep, c.ID)
		}
	}
	w, err := h.makeWay(ctx, b, ids, len(asleep) == 0)
	if err != nil {
		return errors.Join(err, w.close(h))
	}
	start := time.Now()
	port, err := h.runOriginals(ctx, b, all)
	if err != nil {
		ctx := context.WithoutCancel(ctx)
		return errors.Join(err, h.stopAgain(ctx, asleep), w.close(h))
	}
	for i, o := range b.record.originals() {
		if err := h.Docker.SetRestart(ctx, ids[i], o.RestartPolicy); err != nil {
			return err
		}
	}
	if err := w.forward(h, port); err != nil || len(asleep) == 0 {
		return err
	}
	verb := "answers"
	if len(all) > 1 {
		verb = "answer"
	}
	h.step("start", "%s (%s) %s after %s", b.record.containers(), all[0].Image, verb, seconds(time.Since(start)))
	return nil
}

// stopAgain puts containers back that were started for nothing.
func (h *Host) stopAgain(ctx context.Context, ids []string) error {
	err := h.stopAll(ctx, ids)
	for _, id := range ids {
		err = errors.Join(err, h.Docker.SetRestart(ctx, id, "no"))
	}
	return err
}

// runOriginals starts the containers that do not run and waits until all of them
// answer. port is where they listen. While an adoption is undone, one that ran
// all the time is not judged: it is as it was.
func (h *Host) runOriginals(ctx context.Context, b back, all []docker.Container) (port uint16, err error) {
	for _, c := range all {
		if !c.Running {
			if err := h.Docker.Start(ctx, c.ID); err != nil {
				return 0, err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	for i, o := range b.record.originals() {
		err := h.awaitAnswer(ctx, b, o, all[i].ID)
		if err != nil && b.undo && all[i].Running {
			h.note("%s", firstLine(err))
			err = nil
		}
		if err != nil {
			return 0, h.withLastWords(ctx, err, all[i].Name)
		}
		now, err := h.Docker.Inspect(ctx, all[i].ID) // a stopped container publishes nothing
		if err != nil {
			return 0, err
		}
		if o.Direct && !ownAddress(now, o.Address.Addr()) {
			return 0, fmt.Errorf("container %s did not get its address %s back, which nginx's file names\n"+
				"hint: docker network inspect shows who has it; edgeman restart %s moves the app's own containers elsewhere", now.Name, o.Address.Addr(), b.app.Name)
		}
		port = b.port(now, o)
	}
	return port, nil
}

// original is a container to go back to: the one that was kept, or one made
// from its stored settings when it is gone.
func (h *Host) original(ctx context.Context, b back, i int, o Original) (docker.Container, error) {
	if b.live != nil {
		return h.originalWith(ctx, b, i, o)
	}
	c, err := h.Docker.Inspect(ctx, o.ContainerID)
	if !errors.Is(err, docker.ErrNotFound) {
		return c, err
	}
	raw, err := readInspect(h.Paths, b.app.Name, i)
	if err != nil {
		return c, err
	}
	if c, err = h.Docker.Inspect(ctx, o.Container); err == nil {
		return c, isOriginal(c, o) // made by an earlier run that was interrupted
	}
	id, lost, err := h.Docker.Recreate(ctx, raw)
	if err != nil {
		return c, fmt.Errorf("container %s is gone and could not be made again: %w", o.Container, err)
	}
	b.result.Recreated = true
	h.note("container %s was gone; it is made again from its stored settings, without what was in its writable layer", o.Container)
	for _, volume := range lost {
		h.note("volume %s is gone too and comes back empty", volume)
	}
	return h.Docker.Inspect(ctx, id)
}

// isOriginal refuses a container that has merely taken the adopted one's name.
func isOriginal(c docker.Container, o Original) error {
	if _, ok := portBehind(c, o.Address, 0); ok {
		return nil
	}
	return fmt.Errorf("another container is called %s now, and it does not publish %s\nhint: docker rename %s another-name", c.Name, o.Target, c.Name)
}

// awaitAnswer asks the container itself: a published port answers before the
// app behind it does.
func (h *Host) awaitAnswer(ctx context.Context, b back, o Original, id string) error {
	w := h.wait("start")
	defer w.done()
	var last error
	for {
		c, err := h.Docker.Inspect(ctx, id)
		if err != nil {
			return err
		}
		for _, to := range docker.Destinations(c, b.port(c, o)) {
			if last = answers(ctx, to, b.health()); last == nil {
				return nil
			}
		}
		w.say("container %s does not answer yet: %v", c.Name, last)
		if !sleep(ctx, pollEvery) {
			return fmt.Errorf("container %s did not answer within %s: %w", c.Name, state.Length(b.timeout), last)
		}
	}
}

// ownAddress tells whether the address is the container's own on some network.
func ownAddress(c docker.Container, ip netip.Addr) bool {
	return slices.ContainsFunc(c.Networks, func(n docker.Network) bool { return n.IPv4 == ip || n.IPv6 == ip })
}

// health is the path that the adopted container is known to answer. One that is
// put back after a failed adoption ran before, and is not judged by a path that
// may have been the very mistake.
func (b back) health() string {
	if b.undo {
		return ""
	}
	return b.record.Health
}

// port is where the adopted container itself listens behind its address,
// whatever adopt was told.
func (b back) port(c docker.Container, o Original) uint16 {
	if port, ok := portBehind(c, o.Address, 0); ok {
		return port
	}
	return b.app.Port
}

// answers connects, and asks for the health path if there is one.
func answers(ctx context.Context, to netip.AddrPort, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if path == "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}

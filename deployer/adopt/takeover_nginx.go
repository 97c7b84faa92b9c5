package adopt

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
)

// testNginx tests the edited configuration where nobody sees it.
func (t *takeover) testNginx(ctx context.Context) error {
	facts, err := t.Nginx.Facts(ctx)
	if err != nil {
		return err
	}
	for _, l := range t.app.Listeners {
		if err := facts.WorkerCanConnect(t.Paths.LiveSocket(t.name, l.Name)); err != nil {
			return err
		}
	}
	if err := t.refuseMeddling(ctx, facts.Main); err != nil {
		return err
	}
	if _, err := t.Nginx.TestCandidate(ctx, t.record.After()); err != nil {
		return fmt.Errorf("nginx refuses the edited configuration: %w", err)
	}
	return nil
}

// changeNginx puts the edited configuration in place and reloads.
func (t *takeover) changeNginx(ctx context.Context) error {
	for _, f := range t.plan.Files {
		if err := nginx.Replace(ctx, f.Path, sha256.Sum256(f.Before), f.After); err != nil {
			return err
		}
	}
	if err := t.Reload(ctx); err != nil {
		return err
	}
	if err := t.askThrough(ctx); err != nil {
		return err
	}
	t.Step("nginx", "configuration valid, reloaded")
	return nil
}

// askThrough sends one request on each way as nginx does now, through the live
// pointer. Any answer will do: the slot has been found healthy before.
func (t *takeover) askThrough(ctx context.Context) error {
	if t.record.StopFirst {
		return nil
	}
	for _, w := range t.ways {
		if w.protocol() != "http" {
			continue
		}
		q := t.question(t.o, w)
		q.Host, q.Within = t.name, t.timeout
		if _, err := q.Over(ctx, t.dialLive(w)); err != nil {
			return fmt.Errorf("asking %s on port %d through the live slot: %w", q.Path, w.port, err)
		}
	}
	return nil
}

// compareNew compares answers of the new containers with those of the old one,
// before nginx is switched to them. They may take the start timeout for it:
// an app whose port takes connections may still be busy with its start.
func (t *takeover) compareNew(ctx context.Context, since time.Time) error {
	if t.record.StopFirst || slices.Contains(t.o.Allow, AllowUnproven) {
		return nil
	}
	deadline := since.Add(t.timeout)
	for _, w := range t.ways {
		if w.protocol() != "http" {
			continue
		}
		if err := t.compareNewOn(ctx, w, deadline); err != nil {
			return err
		}
	}
	return nil
}

func (t *takeover) compareNewOn(ctx context.Context, w way, deadline time.Time) error {
	q := t.question(t.o, w)
	if least := time.Now().Add(compareTries * compareEvery); deadline.Before(least) {
		deadline = least
	}
	differ, err := differing(ctx, q, ask.TCP(w.targets[0].Addr, ask.Limit), t.dialLive(w), deadline)
	if err != nil || differ == "" {
		return err
	}
	or := ""
	if t.via == "netns" {
		or = "--via bridge, if the app treats its peers differently; "
	}
	return hint.With(fmt.Errorf("the new container does not answer as the old one does, GET %s: %s", q.Path, differ),
		"%s--health PATH names a page on which they agree, --allow-%s goes on all the same", or, AllowUnproven)
}

// dialLive connects as nginx will.
func (t *takeover) dialLive(w way) ask.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", t.Paths.LiveSocket(t.name, w.listener().Name))
	}
}

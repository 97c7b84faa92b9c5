package adopt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"

	"edgeman/deployer/ask"
	"edgeman/deployer/nginx"
)

// testNginx tests the edited configuration where nobody sees it.
func (t *takeover) testNginx(ctx context.Context) error {
	facts, err := t.Nginx.Facts(ctx)
	if err != nil {
		return err
	}
	if err := facts.WorkerCanConnect(t.Paths.Live(t.name)); err != nil {
		return err
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

// askThrough sends one request the way nginx does now, through the live
// pointer. Any answer will do: the slot has been found healthy before.
func (t *takeover) askThrough(ctx context.Context) error {
	if t.record.Recreate || t.targets[0].Protocol != "http" {
		return nil
	}
	q := ask.Request{Path: cmp.Or(t.record.Health, "/"), Headers: t.record.Headers, Host: t.name, Within: t.timeout}
	if _, err := q.Over(ctx, t.dialLive); err != nil {
		return fmt.Errorf("asking %s through the live slot: %w", q.Path, err)
	}
	return nil
}

package adopt

import (
	"context"
	"reflect"
	"slices"

	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/site"
	"edgeman/nginxconf"
)

// adoptAll carries out the plan that was agreed to and nothing else: others may
// have changed something while the question waited for its answer.
func (h *Host) adoptAll(ctx context.Context, o Options, shown []candidate) error {
	unlock, err := h.LockHost(ctx, "adopt", false)
	if err != nil {
		return err
	}
	defer unlock()
	if !o.Yes {
		now, _, err := h.planAdopt(ctx, o)
		if err == nil {
			err = agreed(o, shown, now)
		}
		if err != nil {
			return err
		}
	}
	if err := h.Install.EnsureLocked(ctx); err != nil {
		return err
	}
	for i, c := range shown {
		now := c
		err := h.planEdits(ctx, o, &now)
		if err == nil {
			err = agreed(o, shown[i:i+1], []candidate{now})
		}
		if err == nil {
			err = h.adopt(ctx, o, c)
		}
		if err != nil {
			return afterOthers(err, shown[:i])
		}
	}
	return nil
}

// planAll plans the edits of all candidates, each on what those before it leave.
func (h *Host) planAll(ctx context.Context, o Options, take []candidate) error {
	files := site.EditedFiles{FS: h.Files, After: map[string][]byte{}}
	then, at := *h, *h.Host
	at.Files, then.Host = files, &at
	for i := range take {
		if err := then.planEdits(ctx, o, &take[i]); err != nil {
			return err
		}
		for _, f := range take[i].plan.Files {
			files.After[f.Path] = f.After
		}
	}
	return nil
}

// agreed refuses what is not what was shown: other apps, other containers, other
// edits.
func agreed(o Options, shown, now []candidate) error {
	id := func(a, b docker.Container) bool { return a.ID == b.ID }
	same := func(a, b candidate) bool {
		return a.name == b.name && a.addresses() == b.addresses() && slices.EqualFunc(a.containers, b.containers, id) && reflect.DeepEqual(a.plan.Files, b.plan.Files)
	}
	if slices.EqualFunc(shown, now, same) {
		return nil
	}
	return hint.With(outcome.Refuse("nginx's files or the containers behind %s have changed since the plan was shown, so the plan no longer holds", o.Site),
		"edgeman adopt %s shows the new one", o.Site)
}

// refuseMeddling keeps edits that others have made since the plan was made from
// going live with our reload.
func (t *takeover) refuseMeddling(ctx context.Context, main string) error {
	conf, err := nginxconf.Load(t.Files, main)
	if err != nil {
		return err
	}
	return t.refusePending(ctx, t.o, conf)
}

package deployer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/nginx"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// changeNginx tests the edited configuration where nobody sees it, then puts it
// in place and reloads.
func (t *takeover) changeNginx(ctx context.Context) error {
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
	if _, err := t.Nginx.TestCandidate(ctx, t.record.after()); err != nil {
		return fmt.Errorf("nginx refuses the edited configuration: %w", err)
	}
	if err := t.begin(stepFiles); err != nil {
		return err
	}
	for _, f := range t.plan.Files {
		if err := nginx.Replace(ctx, f.Path, sha256.Sum256(f.Before), f.After); err != nil {
			return err
		}
	}
	if err := t.reload(ctx); err != nil {
		return err
	}
	if err := t.askThrough(ctx); err != nil {
		return err
	}
	t.step("nginx", "configuration valid, reloaded")
	return t.begin(stepDrain)
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

// reloadWait bounds a reload and the proof that new workers have taken over.
const reloadWait = 60 * time.Second

// The steps of adopt and release, as they are journalled. From stepDrain on nginx
// is on the slot and an interrupted adoption is completed; before, it is undone.
// From stepFiles on nginx may be back and an interrupted release is completed.
const (
	stepState = "state"
	stepStart = "start"
	stepSlot  = "slot"
	stepFiles = "files"
	stepDrain = "drain"
)

// drained is how the connections of something that left service ended.
type drained struct {
	before int // connections at the switch
	cut    int // still there at the deadline
	took   time.Duration
}

func (d drained) String() string { return howDrained(d.before, d.ended(), d.took) }

// ended counts what was cut: at most, because what is answered while the
// containers stop is not, and nobody sees that.
func (d drained) ended() state.Ended {
	return state.Ended{Cut: d.cut, Kinds: state.Kinds{Unknown: d.cut}}
}

// awaitOldWorkers waits until the nginx workers of before the last reload are
// gone and open counts nothing any more. At the limit it is content: what is
// left will be cut, and is counted.
func (h *Host) awaitOldWorkers(ctx context.Context, limit time.Duration, open func() (int, error)) (drained, error) {
	d := drained{before: -1}
	left := 0
	err := h.await(ctx, "drain", limit, func(w *waiting) (bool, error) {
		leaving, err := h.leavingWorkers(ctx)
		if err != nil {
			return false, err
		}
		if left, err = open(); err != nil {
			return false, err
		}
		if d.before < 0 {
			d.before = left
		}
		d.took = w.elapsed()
		w.say("%s and %s left, cut in %s", words.Plural(left, "connection"), words.Plural(leaving, "old nginx worker"), (limit - d.took).Round(time.Second))
		return leaving == 0 && left == 0, nil
	})
	if errors.Is(err, poll.ErrLate) {
		d.cut, err = left, nil
	}
	if err != nil {
		err = fmt.Errorf("waiting for the old connections: %w", err)
	}
	return d, err
}

func (h *Host) leavingWorkers(ctx context.Context) (int, error) {
	facts, err := h.Nginx.Facts(ctx)
	leaving := 0
	for _, worker := range facts.Workers {
		if worker.Leaving {
			leaving++
		}
	}
	return leaving, err
}

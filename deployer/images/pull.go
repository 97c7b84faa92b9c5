package images

import (
	"context"
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"edgeman/deployer/console"
	"edgeman/deployer/docker/registry"
)

// pullWait bounds a pull: image data moves, but not for ever.
const pullWait = 30 * time.Minute

// Puller pulls an image; package docker has the real one.
type Puller interface {
	Pull(ctx context.Context, ref string, progress func(registry.Progress)) error
}

// Pull pulls ref and shows how far it is. It ends with ctx, and after half an
// hour.
func Pull(ctx context.Context, c *console.Console, from Puller, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	bar := newProgress(c, ref)
	defer bar.close()
	return from.Pull(ctx, ref, bar.update)
}

// progress shows a pull: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	wait *console.Waiting
	ref  string
	pool *mpb.Progress
	bar  *mpb.Bar
}

func newProgress(c *console.Console, ref string) *progress {
	b := &progress{wait: c.Wait("pull"), ref: ref}
	if b.wait.Tty {
		b.pool = mpb.New(mpb.WithOutput(c.Err), mpb.WithWidth(40))
		b.bar = b.pool.AddBar(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("  pull     %s ", ref))),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
	}
	return b
}

func (b *progress) update(p registry.Progress) {
	if b.bar == nil {
		b.wait.Say("%s: %d of %d MiB", b.ref, p.Current>>20, p.Total>>20)
		return
	}
	b.bar.SetTotal(p.Total, false)
	b.bar.SetCurrent(p.Current)
}

func (b *progress) close() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.pool.Wait()
	}
}

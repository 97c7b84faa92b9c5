package images

import (
	"fmt"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"edgeman/deployer/console"
	"edgeman/deployer/docker/registry"
)

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

package deployer

import (
	"fmt"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"edgeman/deployer/docker/registry"
)

// pullBar shows a pull: a bar on a terminal, a line now and then elsewhere.
type pullBar struct {
	wait *waiting
	ref  string
	pool *mpb.Progress
	bar  *mpb.Bar
}

func newPullBar(h *Host, ref string) *pullBar {
	b := &pullBar{wait: h.wait("pull"), ref: ref}
	if b.wait.tty {
		b.pool = mpb.New(mpb.WithOutput(h.Err), mpb.WithWidth(40))
		b.bar = b.pool.AddBar(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("  pull     %s ", ref))),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
	}
	return b
}

func (b *pullBar) update(p registry.Progress) {
	if b.bar == nil {
		b.wait.say("%s: %d of %d MiB", b.ref, p.Current>>20, p.Total>>20)
		return
	}
	b.bar.SetTotal(p.Total, false)
	b.bar.SetCurrent(p.Current)
}

func (b *pullBar) close() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.pool.Wait()
	}
}

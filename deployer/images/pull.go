package images

import (
	"context"
	"time"

	"edgeman/deployer/docker/registry"

	"edgeman/deployer/console"
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

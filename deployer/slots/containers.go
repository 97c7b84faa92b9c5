package slots

import (
	"context"
	"errors"
	"sync"
)

// StopAll stops containers at the same time: each may take its stop timeout.
func (h *Host) StopAll(ctx context.Context, ids []string) error {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { errs[i] = h.Docker.Stop(ctx, id) })
	}
	all.Wait()
	return errors.Join(errs...)
}

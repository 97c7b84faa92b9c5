package site

import (
	"context"
	"time"
)

// ReloadWait bounds a reload and the proof that new workers have taken over.
const ReloadWait = 60 * time.Second

// Reload tests what lies on disk for real and makes it live.
func (h *Host) Reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ReloadWait)
	defer cancel()
	if _, err := h.Nginx.Test(ctx); err != nil {
		return err
	}
	_, err := h.Nginx.Reload(ctx)
	return err
}

// Package site is what adopting and giving back do with nginx: test its files,
// reload it, and wait until its old workers are gone.
package site

import (
	"context"
	"net/netip"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/slots"
	"edgeman/nginxconf"
)

// Host is what site touches.
type Host struct {
	*slots.Host
	Nginx Nginx
	Files nginxconf.FS // to read nginx's configuration
}

// Nginx are the calls on the running nginx; package nginx has the real ones.
type Nginx interface {
	Precheck(ctx context.Context) ([]nginx.Message, error)
	Test(ctx context.Context) ([]nginx.Message, error)
	TestCandidate(ctx context.Context, files map[string][]byte) ([]nginx.Message, error)
	Reload(ctx context.Context, errorLogs ...string) (nginx.Reloaded, error)
	PendingEdits(ctx context.Context, paths []string) ([]nginx.Pending, error)
	Facts(ctx context.Context) (nginx.Facts, error)
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
}

// EditedFiles are the files as they will be.
type EditedFiles struct {
	nginxconf.FS
	After map[string][]byte
}

func (e EditedFiles) ReadFile(path string) ([]byte, error) {
	if data, ok := e.After[path]; ok {
		return data, nil
	}
	return e.FS.ReadFile(path)
}

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

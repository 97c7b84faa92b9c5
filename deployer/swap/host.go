// Package swap puts another container behind an app's upstream: swap, restart
// and rollback are one run of the same steps. A release that does not become
// healthy never gets a request.
package swap

import (
	"context"

	"edgeman/deployer/docker/registry"

	"edgeman/deployer/data"
	"edgeman/deployer/docker"
	"edgeman/deployer/patience"
	"edgeman/deployer/program"
	"edgeman/deployer/site"
	"edgeman/deployer/slots"
)

// Host is what a swap touches.
type Host struct {
	*slots.Host
	Docker   Docker
	Data     *data.Host
	Patience *patience.Host
	Program  *program.Host
	Site     *site.Host // for a reload during the drain
}

// Docker are the calls on the Docker daemon that a swap needs beyond a slot's.
type Docker interface {
	Image(ctx context.Context, ref string) (docker.Image, error)
	Pull(ctx context.Context, ref string, progress func(registry.Progress)) error
	RemoveImage(ctx context.Context, id string) (removed bool, err error)
}

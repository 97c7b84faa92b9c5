// Package adopt takes over what a hand-written site sends its requests to: it
// plans the edits, shows them, and carries out what was shown, each step undone
// on failure by the code that gives a site back.
package adopt

import (
	"context"
	"encoding/json"
	"net/netip"

	"edgeman/deployer/declared"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/locate"

	"edgeman/deployer/docker"
	"edgeman/deployer/install"
	"edgeman/deployer/patience"
	"edgeman/deployer/program"
	"edgeman/deployer/site"
	"edgeman/deployer/unadopt"
)

// Host is what adopt touches.
type Host struct {
	*site.Host
	Docker   Docker
	Patience *patience.Host
	Program  *program.Host
	Install  *install.Host  // adopt installs edgeman where it is not
	Unadopt  *unadopt.Host  // the undo
	Declared *declared.Host // what the containers' Compose files say
}

// Docker are the calls on the Docker daemon that adopt needs beyond a slot's.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	Serving(ctx context.Context, at netip.AddrPort) ([]locate.Target, error)
	Confirm(ctx context.Context, c docker.Container, port uint16, at netip.AddrPort) error
	Adopt(ctx context.Context, id string, served ...adoptable.Served) (adoptable.Adoption, error)
	Rehearse(ctx context.Context, raw json.RawMessage) error
	Stop(ctx context.Context, id string) error
	SetRestart(ctx context.Context, id, policy string) error
}

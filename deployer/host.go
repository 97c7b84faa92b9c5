// Package deployer does what the commands say: adopt, swap, rollback, release,
// install. Each is a list of explicit steps, ordered so that a kill between any
// two leaves traffic flowing and a state that the next command finishes or
// undoes. What runs behind a slot is package serve's business.
package deployer

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets/systemd"
)

// Host is what the commands touch: one real set, one for tests. A command is
// given only what it needs of it; Docker, Units and Nginx may be nil otherwise.
type Host struct {
	Paths  state.Paths
	Docker Docker
	Units  Units
	Nginx  Nginx
	Files  nginxconf.FS // to read nginx's configuration
	In     io.Reader    // where a question is answered
	Out    io.Writer    // the thing asked for
	Err    io.Writer    // progress, notes, hints
	System System       // for install

	Version string        // of edgeman
	Wait    time.Duration // for another command on the same app
}

// Units are the calls on systemd that the commands need; package sockets has
// the real ones. Every call ends at its context's deadline.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Restart(ctx context.Context, unit string) error
	Enable(ctx context.Context, units ...string) error
	Disable(ctx context.Context, units ...string) error
	Reload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
	State(ctx context.Context, unit string) (systemd.Unit, error)
	Active(ctx context.Context, pattern string) (map[string]string, error)
	Version(ctx context.Context) (string, error)
}

// Docker are the calls on the Docker daemon that the commands need; package
// docker has the real ones, which bound every call that moves no image data.
type Docker interface {
	API() string
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	List(ctx context.Context, labels map[string]string, all bool) ([]docker.Container, error)
	Serving(ctx context.Context, at netip.AddrPort) ([]locate.Target, error)
	Confirm(ctx context.Context, c docker.Container, port uint16, at netip.AddrPort) error
	OtherPorts(ctx context.Context, nameOrID string, port uint16) (locate.Elsewhere, error)
	Adopt(ctx context.Context, id string, port uint16, at ...netip.AddrPort) (adoptable.Adoption, error)
	Live(ctx context.Context, id string, stored json.RawMessage) (adoptable.Live, error)
	Rehearse(ctx context.Context, raw json.RawMessage) error
	OriginalSourcesGone(raw json.RawMessage) ([]string, error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Remove(ctx context.Context, id string) error
	Rename(ctx context.Context, id, name string) error
	SetRestart(ctx context.Context, id, policy string) error
	Recreate(ctx context.Context, raw json.RawMessage) (id string, lost []string, err error)
	RecreateAs(ctx context.Context, raw json.RawMessage, spec docker.Spec) (string, error)
	Tail(ctx context.Context, id string, lines int) (string, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	Pull(ctx context.Context, ref string, progress func(registry.Progress)) error
	RemoveVolume(ctx context.Context, name string) error
	RemoveImage(ctx context.Context, id string) (removed bool, err error)
}

// Nginx are the calls on the running nginx that the commands need; package
// nginx has the real ones.
type Nginx interface {
	Precheck(ctx context.Context) ([]nginx.Message, error)
	Test(ctx context.Context) ([]nginx.Message, error)
	TestCandidate(ctx context.Context, files map[string][]byte) ([]nginx.Message, error)
	Reload(ctx context.Context, errorLogs ...string) (nginx.Reloaded, error)
	PendingEdits(ctx context.Context, paths []string) ([]nginx.Pending, error)
	Facts(ctx context.Context) (nginx.Facts, error)
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
}

// Package deployer does what the commands say: adopt, swap, rollback, release,
// install. Each is a list of explicit steps, ordered so that a kill between any
// two leaves traffic flowing and a state that the next command finishes or
// undoes. What runs behind a slot is package serve's business.
package deployer

import (
	"context"
	"io"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// Host is what the commands touch: one real set, one for tests. Docker and
// Units are opened by the command that needs them.
type Host struct {
	Paths  state.Paths
	Docker Docker
	Units  Units
	Nginx  Nginx
	Out    io.Writer // the thing asked for
	Err    io.Writer // progress, notes, hints

	Version string        // of edgeman
	Wait    time.Duration // for another command on the same app
	Verbose bool
}

// Units are the calls on systemd that the commands need; package sockets has
// the real ones. Every call ends at its context's deadline.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Enable(ctx context.Context, units ...string) error
	Disable(ctx context.Context, units ...string) error
	Reload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
	State(ctx context.Context, unit string) (sockets.UnitState, error)
}

// Docker are the calls on the Docker daemon that the commands need; package
// docker has the real ones.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	Tail(ctx context.Context, id string, lines int) (string, error)
}

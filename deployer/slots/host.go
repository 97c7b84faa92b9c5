// Package slots is what any command does with an app's two slots: look at one,
// fill it, wait for the app in it, clear it; and deal with what an interrupted
// command has left of that. It knows neither commands nor nginx.
package slots

import (
	"context"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/state"
	"edgeman/sockets"
	"edgeman/sockets/systemd"
)

// Host is what slots touches: one real set, one for tests.
type Host struct {
	*console.Console
	Paths    state.Paths
	Units    Units
	Docker   Docker
	LockWait time.Duration // for another command on the same app
}

// Units are the calls on systemd for a slot; package sockets/systemd has the
// real ones. Every call ends at its context's deadline.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Restart(ctx context.Context, unit string) error
	Enable(ctx context.Context, units ...string) error
	Disable(ctx context.Context, units ...string) error
	Reload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
	State(ctx context.Context, unit string) (systemd.Unit, error)
}

// Docker are the calls on the Docker daemon for a slot's containers; package
// docker has the real ones, which bound every call that moves no image data.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	List(ctx context.Context, labels map[string]string, all bool) ([]docker.Container, error)
	OtherPorts(ctx context.Context, nameOrID string, ports []uint16) (locate.Elsewhere, error)
	Stop(ctx context.Context, id string) error
	Remove(ctx context.Context, id string) error
	Tail(ctx context.Context, id string, lines int) (string, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	RemoveVolume(ctx context.Context, name string) error
}

// Both are an app's two slots.
func Both(app string) []sockets.Slot {
	return []sockets.Slot{{App: app, Color: sockets.Blue}, {App: app, Color: sockets.Green}}
}

const (
	UnitWait   = 30 * time.Second // for one systemd job
	StopSlack  = 45 * time.Second // for the end of a slot, beyond its drain and its container's own stop timeout
	silentWait = 2 * time.Minute  // for a slot's service that says nothing of a deadline
	exitsFatal = 3                // a new container that ended this often will not recover
	tailLines  = 20
)

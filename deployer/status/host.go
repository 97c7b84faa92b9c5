// Package status reports what is known of the apps, for people and as data. It
// changes nothing.
package status

import (
	"context"
	"io"

	"edgeman/deployer/docker"
	"edgeman/deployer/program"
	"edgeman/deployer/state"
	"edgeman/sockets/systemd"
)

// Host is what status looks at.
type Host struct {
	Paths   state.Paths
	Units   Units
	Docker  Docker
	Out     io.Writer
	System  program.System
	Version string // of edgeman
}

// Units tell what systemd knows.
type Units interface {
	State(ctx context.Context, unit string) (systemd.Unit, error)
	Active(ctx context.Context, pattern string) (map[string]string, error)
}

// Docker tells what is there; nil: that is left out.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
}

// Package install puts edgeman's own files, units and directories on a host and
// removes them again.
package install

import (
	"context"

	"edgeman/deployer/nginx"
	"edgeman/deployer/program"
	"edgeman/deployer/slots"
)

// Host is what install and uninstall touch.
type Host struct {
	*slots.Host
	Units   Units
	Docker  Docker // nil: it does not answer
	Nginx   Nginx
	Program *program.Host
	Version string // of edgeman
}

// Units are the calls on systemd that install needs.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Enable(ctx context.Context, units ...string) error
	Disable(ctx context.Context, units ...string) error
	Reload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
	Active(ctx context.Context, pattern string) (map[string]string, error)
	Version(ctx context.Context) (string, error)
}

// Docker tells which API it speaks.
type Docker interface{ API() string }

// Nginx tells what runs.
type Nginx interface {
	Facts(ctx context.Context) (nginx.Facts, error)
}

// Package unadopt gives a site back: the adopted containers answer at their
// addresses again, nginx's files hold what they held before, and nothing that
// edgeman made for the app is left. It is also how an adoption is undone.
package unadopt

import (
	"context"
	"encoding/json"

	"edgeman/deployer/data"
	"edgeman/deployer/docker"
	"edgeman/deployer/site"
)

// Host is what giving back touches.
type Host struct {
	*site.Host
	Docker Docker
	Data   *data.Host
}

// Docker are the calls on the Docker daemon that giving back needs beyond a
// slot's.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	List(ctx context.Context, labels map[string]string, all bool) ([]docker.Container, error)
	Image(ctx context.Context, ref string) (docker.Image, error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Rename(ctx context.Context, id, name string) error
	SetRestart(ctx context.Context, id, policy string) error
	Recreate(ctx context.Context, raw json.RawMessage) (id string, lost []string, err error)
	RecreateAs(ctx context.Context, raw json.RawMessage, spec docker.Spec) (string, error)
	OriginalSourcesGone(raw json.RawMessage) ([]string, error)
}

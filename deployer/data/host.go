// Package data finds what would be lost with a container: files in its own layer,
// volumes, settings that were changed while it ran. Losing any of it is refused,
// unless somebody accepts that.
package data

import (
	"context"
	"encoding/json"

	"edgeman/deployer/docker/adoptable"

	"edgeman/deployer/docker"
	"edgeman/deployer/slots"
)

// Host is what data asks.
type Host struct {
	*slots.Host
	Docker Docker
}

// Docker tells what has become of a container since it was made.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Live(ctx context.Context, id string, stored json.RawMessage) (adoptable.Live, error)
}

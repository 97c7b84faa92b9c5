// Package data is what goes with a container when it goes: files in its own
// layer, volumes, settings that were changed while it ran. What would be lost is
// refused, unless somebody accepts it.
package data

import (
	"context"
	"encoding/json"

	"edgeman/deployer/docker/adoptable"

	"edgeman/deployer/docker"
	"edgeman/deployer/slots"
)

// Host is what is asked for that.
type Host struct {
	*slots.Host
	Docker Docker
}

// Docker tells what has become of a container since it was made.
type Docker interface {
	Inspect(ctx context.Context, nameOrID string) (docker.Container, error)
	Live(ctx context.Context, id string, stored json.RawMessage) (adoptable.Live, error)
}

package docker

import (
	"context"
	"fmt"

	"github.com/docker/docker/client"
)

// RemoveVolume deletes a volume that nothing uses. One that is gone is deleted.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	err := c.do(ctx, "remove volume", name, func(ctx context.Context, api *client.Client) error {
		if !containerName.MatchString(name) {
			return fmt.Errorf("%q is not the name of a volume", name)
		}
		return api.VolumeRemove(ctx, name, false)
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

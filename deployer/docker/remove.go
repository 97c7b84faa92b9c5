package docker

import (
	"context"

	cerrdefs "github.com/containerd/errdefs"
	apiimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// RemoveImage deletes an image that nothing uses, and tells whether it did. One
// that a container still uses, or that is gone already, is left as it is without
// an error.
func (c *Client) RemoveImage(ctx context.Context, id string) (removed bool, err error) {
	err = c.do(ctx, "remove image", id, func(ctx context.Context, api *client.Client) error {
		// With several tags the daemon refuses to remove by id; each tag was the
		// operator's own doing, so such an image stays.
		_, err := api.ImageRemove(ctx, id, apiimage.RemoveOptions{PruneChildren: true})
		return err
	})
	if isNotFound(err) || cerrdefs.IsConflict(err) {
		return false, nil
	}
	return err == nil, err
}

// Rename gives a container another name; ErrExists when it is taken.
func (c *Client) Rename(ctx context.Context, id, name string) error {
	return c.on(ctx, "rename", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRename(ctx, id, name)
	})
}

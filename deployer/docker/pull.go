package docker

import (
	"context"

	"github.com/distribution/reference"
	apiimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/registry"
)

// Pull fetches an image with the credentials that root's `docker login` left.
// progress, when not nil, is called for every step from this goroutine. There is
// no deadline but ctx's. The registry's digest is then among the image's
// RepoDigests.
func (c *Client) Pull(ctx context.Context, ref string, progress func(registry.Progress)) error {
	return c.stream(ctx, "pull", ref, func(ctx context.Context, api *client.Client) error {
		if err := registry.ValidRef(ref); err != nil {
			return err
		}
		named, err := reference.ParseNormalizedNamed(ref)
		if err != nil {
			return err
		}
		host := reference.Domain(named)
		auth, err := c.sys.login.Credentials(ctx, host)
		if err != nil {
			return err
		}
		r, err := api.ImagePull(ctx, ref, apiimage.PullOptions{RegistryAuth: auth})
		if err == nil {
			err = registry.Follow(r, progress)
			r.Close()
		}
		return registry.Explain(err, host)
	})
}

package docker

import (
	"bytes"
	"context"
	"encoding/json"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	apiimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/registry"
)

func (c *Client) imageOf(ctx context.Context, ref string) (inspect.ImageConfig, error) {
	raw, err := c.imageRaw(ctx, ref)
	if err != nil {
		return inspect.ImageConfig{}, err
	}
	img, err := inspect.ReadImageConfig(raw)
	return img, callErr("inspect image", ref, err)
}

// Image describes a local image by reference, digest or id; ErrNotFound when it
// has to be pulled first.
func (c *Client) Image(ctx context.Context, ref string) (inspect.Image, error) {
	img, err := c.imageOf(ctx, ref)
	return img.Image(), err
}

func (c *Client) imageRaw(ctx context.Context, ref string) (json.RawMessage, error) {
	var raw bytes.Buffer
	err := c.do(ctx, "inspect image", ref, func(ctx context.Context, api *client.Client) error {
		if err := registry.ValidRef(ref); err != nil {
			return err
		}
		_, err := api.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw))
		return err
	})
	return raw.Bytes(), err
}

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

package docker

import (
	"bytes"
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/layer"
)

// Changes are those of a container's own layer against its image.
func (c *Client) Changes(ctx context.Context, id string) (list []container.FilesystemChange, err error) {
	err = c.do(ctx, "diff", id, func(ctx context.Context, api *client.Client) (err error) {
		list, err = api.ContainerDiff(ctx, id)
		return err
	})
	return list, err
}

// Stat describes a file of a container.
func (c *Client) Stat(ctx context.Context, id, path string) (st container.PathStat, err error) {
	err = c.do(ctx, "stat in", id, func(ctx context.Context, api *client.Client) (err error) {
		st, err = api.ContainerStatPath(ctx, id, path)
		return err
	})
	return st, err
}

// ReadFile reads one file, link or directory (without what is in it) of a container.
func (c *Client) ReadFile(ctx context.Context, id, name string) (f layer.File, err error) {
	err = c.do(ctx, "read in", id, func(ctx context.Context, api *client.Client) error {
		r, _, err := api.CopyFromContainer(ctx, id, name)
		if err != nil {
			return err
		}
		defer r.Close()
		f, err = layer.FirstFile(r, name)
		return err
	})
	return f, err
}

// putFiles writes files into a container that was not started yet.
func (c *Client) putFiles(ctx context.Context, id string, files []layer.File) error {
	packed, err := layer.Pack(files)
	if err != nil {
		return callErr("write files into", id, err)
	}
	return c.do(ctx, "write files into", id, func(ctx context.Context, api *client.Client) error {
		return api.CopyToContainer(ctx, id, "/", bytes.NewReader(packed), container.CopyToContainerOptions{})
	})
}

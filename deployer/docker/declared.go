package docker

import (
	"context"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/inspect"
)

// Declared reads the settings of a container that shows what others are to be made
// of: it was never started, and one of edgeman's is to be like it.
func (c *Client) Declared(ctx context.Context, id string, like adoptable.Like) (adoptable.Declared, error) {
	f, err := c.facts(ctx, id, like.Served)
	if err != nil {
		return adoptable.Declared{}, err
	}
	if like.Networks, err = c.networkNames(ctx, f); err != nil {
		return adoptable.Declared{}, err
	}
	d, err := adoptable.Declare(f, like)
	return d, callErr("inspect", id, err)
}

// networkNames are the names of the container's networks by what they are called in
// it, which may be an id until it has been started.
func (c *Client) networkNames(ctx context.Context, f adoptable.Facts) (map[string]string, error) {
	names := map[string]string{}
	keys := slices.Collect(maps.Keys(f.In.NetworkSettings.Networks))
	if mode := string(f.In.HostConfig.NetworkMode); inspect.UserDefined(mode) {
		keys = append(keys, mode)
	}
	for _, key := range keys {
		err := c.do(ctx, "inspect network", key, func(ctx context.Context, api *client.Client) error {
			n, err := api.NetworkInspect(ctx, key, network.InspectOptions{})
			names[key] = n.Name
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// RemoveUnused removes a container that was never started, with the volumes without
// a name that were made for it.
func (c *Client) RemoveUnused(ctx context.Context, id string) error {
	return c.on(ctx, "remove", id, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true})
	})
}

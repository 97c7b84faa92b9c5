package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
)

// What the client answers with, and package inspect reads.
type (
	Container   = inspect.Container
	Network     = inspect.Network
	Port        = inspect.Port
	Healthcheck = inspect.Healthcheck
	Image       = inspect.Image
)

// Inspect describes the container with that name or id. ErrNotFound when there
// is none.
func (c *Client) Inspect(ctx context.Context, nameOrID string) (inspect.Container, error) {
	raw, err := c.inspectRaw(ctx, nameOrID)
	if err != nil {
		return inspect.Container{}, err
	}
	ct, err := inspect.ReadContainer(raw)
	if err != nil {
		return inspect.Container{}, callErr("inspect", nameOrID, err)
	}
	if joined, ok := strings.CutPrefix(ct.NetworkMode, "container:"); ok && ct.Running {
		other, err := c.inspectRaw(ctx, joined)
		if isNotFound(err) { // which is not to say that this one is
			ct.CutOff("the container whose network it has joined is gone")
			return ct, nil
		}
		if err != nil {
			return inspect.Container{}, err
		}
		if err := ct.Join(other); err != nil {
			return inspect.Container{}, callErr("inspect", joined, err)
		}
	}
	return ct, nil
}

func (c *Client) inspectRaw(ctx context.Context, nameOrID string) (json.RawMessage, error) {
	var raw []byte
	err := c.on(ctx, "inspect", nameOrID, func(ctx context.Context, api *client.Client) (err error) {
		_, raw, err = api.ContainerInspectWithRaw(ctx, nameOrID, false)
		return err
	})
	return raw, err
}

// List describes the containers that carry all these labels (an empty value
// matches any), the running ones or all of them, newest first.
func (c *Client) List(ctx context.Context, labels map[string]string, all bool) ([]inspect.Container, error) {
	found, err := c.summaries(ctx, labels, all)
	if err != nil {
		return nil, err
	}
	var out []inspect.Container
	for _, s := range found {
		ct, err := c.Inspect(ctx, s.ID)
		if isNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ct)
	}
	return out, nil
}

func (c *Client) summaries(ctx context.Context, labels map[string]string, all bool) ([]container.Summary, error) {
	args := filters.NewArgs()
	for k, v := range labels {
		if v != "" {
			k += "=" + v
		}
		args.Add("label", k)
	}
	var found []container.Summary
	err := c.do(ctx, "list containers", "", func(ctx context.Context, api *client.Client) (err error) {
		found, err = api.ContainerList(ctx, container.ListOptions{All: all, Filters: args})
		return err
	})
	return found, err
}

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

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/inspect"
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
	err := c.do(ctx, "inspect", nameOrID, func(ctx context.Context, api *client.Client) (err error) {
		if !containerName.MatchString(nameOrID) {
			return fmt.Errorf("%q is not a container name", nameOrID)
		}
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

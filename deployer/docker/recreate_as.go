package docker

import (
	"context"
	"encoding/json"
	"strings"
)

// RecreateAs is Recreate with another image, and the environment and command of
// a release, in the place of those of the stored inspect answer. Of spec it
// uses ImageID, Env and Command; published ports and restart policy are the
// stored ones.
func (c *Client) RecreateAs(ctx context.Context, raw json.RawMessage, spec Spec) (string, error) {
	in, err := readInspect(raw)
	if err != nil {
		return "", callErr("recreate", "", err)
	}
	name := strings.TrimPrefix(in.Name, "/")
	was, err := c.imageOf(ctx, in.Image)
	if err != nil {
		return "", err
	}
	now, err := c.imageOf(ctx, spec.ImageID)
	if err != nil {
		return "", err
	}
	hostname, err := c.sys.hostname()
	if err != nil {
		return "", callErr("read the host's name", "", err)
	}
	s, err := extract(in, was, hostname)
	if err != nil {
		return "", callErr("recreate", name, err)
	}
	policy := s.HostConfig["RestartPolicy"]
	r, err := buildRequest(s, Spec{ImageID: spec.ImageID, Env: spec.Env, Command: spec.Command}, now)
	if err != nil {
		return "", callErr("recreate", name, err)
	}
	r.hostConfig["RestartPolicy"] = policy
	return c.create(ctx, name, r)
}

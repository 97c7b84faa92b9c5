package docker

import (
	"encoding/json"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
)

// sources tells of every path of the host that the container has mounted what
// it is there now; "" when it is gone.
func (c *Client) sources(in container.InspectResponse) (map[string]string, error) {
	out := map[string]string{}
	for _, m := range in.Mounts {
		if m.Type != mount.TypeBind {
			continue
		}
		kind, err := c.sys.kind(m.Source)
		if err != nil {
			return nil, err
		}
		out[m.Source] = kind
	}
	return out, nil
}

// OriginalSourcesGone is SourcesGone for a stored inspect answer.
func (c *Client) OriginalSourcesGone(raw json.RawMessage) ([]string, error) {
	in, err := inspect.ReadAnswer(raw)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, m := range in.Mounts {
		if m.Type == mount.TypeBind {
			paths = append(paths, m.Source)
		}
	}
	return definition.GoneNow(nil, paths)
}

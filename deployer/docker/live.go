package docker

import (
	"context"
	"encoding/json"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/volume"
)

// Live looks at container id, which was made of stored settings.
func (c *Client) Live(ctx context.Context, id string, stored json.RawMessage) (adoptable.Live, error) {
	ct, err := c.Inspect(ctx, id)
	if err != nil {
		return adoptable.Live{}, err
	}
	in, err := inspect.ReadAnswer(ct.Raw)
	if err != nil {
		return adoptable.Live{}, callErr("inspect", id, err)
	}
	s, err := definition.Parse(stored)
	if err != nil {
		return adoptable.Live{}, callErr("compare", id, err)
	}
	layer, err := layer.Read(ctx, c, c.sys.clock, in.InspectResponse, s.Files)
	if err != nil {
		return adoptable.Live{}, err
	}
	live, err := adoptable.Compare(s, in, layer)
	if err != nil {
		return live, callErr("compare", id, err)
	}
	live.Settings, _, err = volume.Keep(live.Settings, ct)
	return live, callErr("compare", id, err)
}

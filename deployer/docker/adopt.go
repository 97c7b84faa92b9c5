package docker

import (
	"context"
	"encoding/json"
	"net/netip"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/volume"
)

// Adopt reads what is needed to replace the running container id whose app is
// served on those ports, and judges whether that is safe: the published ports that
// lead there are left out of the settings. Nothing is changed.
func (c *Client) Adopt(ctx context.Context, id string, served ...adoptable.Served) (adoptable.Adoption, error) {
	f, err := c.facts(ctx, id, served)
	if err != nil {
		return adoptable.Adoption{}, err
	}
	if f.Layer, err = layer.Read(ctx, c, c.sys.clock, f.In.InspectResponse, nil); err != nil {
		return adoptable.Adoption{}, err
	}
	a, err := adoptable.Judge(f)
	return a, callErr("inspect", f.Container.Name, err)
}

// facts is all that container id is judged by but its own layer.
func (c *Client) facts(ctx context.Context, id string, served []adoptable.Served) (f adoptable.Facts, err error) {
	if f.Container, err = c.Inspect(ctx, id); err != nil {
		return f, err
	}
	if f.In, err = inspect.ReadAnswer(f.Container.Raw); err != nil {
		return f, callErr("inspect", id, err)
	}
	if f.Hostname, err = c.sys.hostname(); err != nil {
		return f, callErr("read the host's name", "", err)
	}
	for _, s := range served {
		here := adoptable.Served{Port: s.Port}
		for _, a := range s.At {
			a = netip.AddrPortFrom(inspect.Dialled(a.Addr()), a.Port())
			local, err := c.isLocal(a.Addr())
			if err != nil {
				return f, callErr("adopt", id, err)
			}
			if local {
				here.At = append(here.At, a)
			}
		}
		f.Served = append(f.Served, here)
	}
	if f.Image, err = c.imageOf(ctx, f.In.Image); isNotFound(err) {
		f.ImageGone = true
	} else if err != nil {
		return f, err
	}
	if f.Others, err = c.summaries(ctx, nil, true); err != nil {
		return f, err
	}
	f.Sources, err = definition.SourceKinds(definition.BindSources(f.In.InspectResponse), c.sys.kind)
	return f, callErr("adopt", id, err)
}

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
	if err == nil {
		live.Settings, _, err = volume.Keep(live.Settings, ct)
	}
	return live, callErr("compare", id, err)
}

// OriginalSourcesGone says which paths of the host that a stored inspect answer
// mounts are gone.
func (c *Client) OriginalSourcesGone(raw json.RawMessage) ([]string, error) {
	return definition.OriginalSourcesGone(raw)
}

package docker

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// Recreate brings a container back from its stored inspect answer after it was
// removed: same name, image, configuration, networks, ports, volumes, labels and
// restart policy. It does not start it. lost names the volumes that are gone
// too and come back empty. ErrExists when the container is still there,
// ErrNotFound when its image or a network is gone.
func (c *Client) Recreate(ctx context.Context, raw json.RawMessage) (id string, lost []string, err error) {
	o, err := c.original(ctx, raw, nil)
	if err != nil {
		return "", nil, err
	}
	if lost, err = c.missingVolumes(ctx, o.settings); err != nil {
		return "", nil, err
	}
	r := o.request()
	r.config.Set("Image", c.sameImage(ctx, o.ref, o.imageID))
	id, err = c.create(ctx, o.name, r)
	return id, lost, err
}

// trial marks a container that is made only to see whether it can be.
const trial = ".edgeman-trial"

// Rehearse makes what Recreate would make, under another name, and removes it
// again: a container that could not be made again must not be stopped.
func (c *Client) Rehearse(ctx context.Context, raw json.RawMessage) error {
	o, err := c.original(ctx, raw, nil)
	if err != nil {
		return err
	}
	name := o.name + trial
	if err := c.Remove(ctx, name); err != nil && !isNotFound(err) { // of a rehearsal that was interrupted
		return err
	}
	r := o.request()
	r.config.Drop("Labels") // by which others would take it for theirs
	r.config.Set("Image", o.imageID)
	id, err := c.create(ctx, name, r)
	if err != nil {
		return err
	}
	return c.Remove(context.WithoutCancel(ctx), id)
}

// RecreateAs is Recreate with another image, and the environment and command of
// a release, in the place of those of the stored inspect answer, and with the
// volumes and files that Settings have beyond it. The stored answer's own image
// may be gone. Of spec it uses ImageID, Env, Command and Settings; published
// ports and restart policy are the stored ones.
func (c *Client) RecreateAs(ctx context.Context, raw json.RawMessage, spec Spec) (string, error) {
	live, err := definition.Parse(spec.Settings)
	if err != nil {
		return "", callErr("recreate", "", err)
	}
	o, err := c.original(ctx, raw, live.Config)
	if err != nil {
		return "", err
	}
	img, err := c.imageOf(ctx, spec.ImageID)
	if err != nil {
		return "", err
	}
	volumes, err := definition.VolumeMounts(spec.Settings)
	if err == nil {
		_, err = o.settings.AddMounts(volumes)
	}
	if err != nil {
		return "", callErr("recreate", o.name, err)
	}
	o.settings.TakeFiles(live.Files)
	r, err := buildRequest(o.settings, Spec{ImageID: spec.ImageID, Env: spec.Env, Command: spec.Command}, img)
	if err != nil {
		return "", callErr("recreate", o.name, err)
	}
	r.config.Set("Image", c.sameImage(ctx, spec.Ref, spec.ImageID))
	r.hostConfig["RestartPolicy"] = o.settings.HostConfig["RestartPolicy"]
	return c.create(ctx, o.name, r)
}

// original is what a stored inspect answer says of its container.
type original struct {
	name, network, ref, imageID string
	settings                    definition.Settings
}

func (o original) request() request {
	s := o.settings
	return request{config: s.Config.Clone(), hostConfig: s.HostConfig, networks: s.Networks, primary: o.network, files: s.Files}
}

// original reads a stored inspect answer. What its image gave it is taken out
// again. When that image is gone, nobody can tell what it gave: config, if any,
// says what the operator asked for.
func (c *Client) original(ctx context.Context, raw json.RawMessage, config rawjson.Object) (original, error) {
	in, err := inspect.ReadAnswer(raw)
	if err != nil {
		return original{}, callErr("recreate", "", err)
	}
	o := original{
		name:    strings.TrimPrefix(in.Name, "/"),
		network: inspect.NetworkMode(in.InspectResponse),
		ref:     in.Config.Image,
		imageID: in.Image,
	}
	img, err := c.imageOf(ctx, in.Image)
	gone := config != nil && isNotFound(err)
	if err != nil && !gone {
		return o, err
	}
	hostname, err := c.sys.hostname()
	if err != nil {
		return o, callErr("read the host's name", "", err)
	}
	if o.settings, err = definition.Extract(in, img, hostname); err == nil && gone {
		o.settings.Config, err = definition.OwnMarks(config, o.settings.Config)
	}
	return o, callErr("recreate", o.name, err)
}

// sameImage prefers the reference the operator used, as long as it still means
// the image that ran.
func (c *Client) sameImage(ctx context.Context, ref, id string) string {
	if img, err := c.imageOf(ctx, ref); err == nil && img.ID == id {
		return ref
	}
	return id
}

// missingVolumes are the volumes that the daemon would silently make anew.
func (c *Client) missingVolumes(ctx context.Context, s definition.Settings) ([]string, error) {
	var lost []string
	volumes, err := s.MountSources(mount.TypeVolume)
	if err != nil {
		return nil, callErr("recreate", "", err)
	}
	for _, name := range volumes {
		err := c.do(ctx, "inspect volume", name, func(ctx context.Context, api *client.Client) error {
			_, err := api.VolumeInspect(ctx, name)
			return err
		})
		switch {
		case isNotFound(err):
			lost = append(lost, name)
		case err != nil:
			return nil, err
		}
	}
	return lost, nil
}

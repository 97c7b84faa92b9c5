package docker

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"

	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// A stopped container holds nothing: `docker system prune` removes it first, and
// then the image, volumes and networks that only it used. Those of one that runs
// are left alone, whatever it does.

// HoldArgument is what the init program is told to do in a container that only
// holds things.
const HoldArgument = "hold"

// HoldSpec says how a container is held.
type HoldSpec struct {
	Name    string
	Labels  map[string]string
	Program string // absolute path of the init program on the host
}

// Hold starts a container that does nothing, and uses the image, the volumes and
// the networks of the container of, which may be stopped afterwards. Of its own
// it has no rights and no files. One of that name that is there already is
// started.
func (c *Client) Hold(ctx context.Context, of inspect.Container, spec HoldSpec) error {
	in, err := inspect.ReadAnswer(of.Raw)
	if err != nil {
		return callErr("hold", of.Name, err)
	}
	id, err := c.create(ctx, spec.Name, holdRequest(in, spec))
	if errors.Is(err, ErrExists) {
		id, err = spec.Name, nil
	}
	if err != nil {
		return err
	}
	return c.Start(ctx, id)
}

func holdRequest(in inspect.Answer, spec HoldSpec) request {
	r := request{config: rawjson.Object{}, hostConfig: rawjson.Object{}, networks: map[string]rawjson.Object{}, primary: "none"}
	for name := range in.NetworkSettings.Networks {
		if inspect.UserDefined(name) {
			r.networks[name] = rawjson.Object{}
		}
	}
	if len(r.networks) > 0 {
		r.primary = slices.Min(slices.Collect(maps.Keys(r.networks)))
	}
	for k, v := range map[string]any{
		"Image": in.Image, "Entrypoint": []string{InitPath}, "Cmd": []string{HoldArgument}, "Labels": spec.Labels,
		// Nothing has to be finished, and the first process of a container
		// minds no other signal.
		"User": "65534:65534", "StopSignal": "SIGKILL", "Healthcheck": map[string]any{"Test": []string{"NONE"}},
	} {
		r.config.Set(k, v)
	}
	mounts := append(heldVolumes(in), readOnly(spec.Program, InitPath))
	for k, v := range map[string]any{
		"NetworkMode": r.primary, "ReadonlyRootfs": true, "CapDrop": []string{"ALL"}, "SecurityOpt": []string{"no-new-privileges"},
		"LogConfig": map[string]string{"Type": "none"}, "RestartPolicy": map[string]string{"Name": "no"}, "Mounts": mounts,
	} {
		r.hostConfig.Set(k, v)
	}
	return r
}

// heldVolumes mounts every volume where the container has it, and nothing else
// where its image declares one: the daemon would make a new volume there.
func heldVolumes(in inspect.Answer) (mounts []mount.Mount) {
	held := map[string]bool{}
	for _, m := range in.Mounts {
		if m.Type == mount.TypeVolume {
			held[m.Destination] = true
			mounts = append(mounts, mount.Mount{
				Type: mount.TypeVolume, Source: m.Name, Target: m.Destination, ReadOnly: true,
				VolumeOptions: &mount.VolumeOptions{NoCopy: true},
			})
		}
	}
	for at := range in.Config.Volumes {
		if !held[path.Clean(at)] {
			mounts = append(mounts, mount.Mount{Type: mount.TypeTmpfs, Target: at})
		}
	}
	return mounts
}

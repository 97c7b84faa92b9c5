package docker

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// Where InitSpec's files appear inside the container.
const (
	InitPath    = "/.edgeman/init"
	HandoffPath = "/.edgeman/handoff"
)

// Spec says which container to create.
type Spec struct {
	Name    string
	ImageID string // an id, so that a moved tag changes nothing
	// Ref is what `docker ps` shows as the image, as long as it means ImageID.
	Ref string
	// Settings come from Adopt or Live.
	Settings json.RawMessage
	// Labels are added to those of the settings.
	Labels map[string]string
	// Env is appended to the settings' environment ("KEY=value"); a key that
	// is there already is replaced.
	Env []string
	// Command replaces the command (not the entrypoint) when not nil.
	Command []string
	// Init makes the container receive its listening socket (native mode).
	Init *InitSpec
}

// InitSpec puts a program of the host's in front of the image's own entrypoint
// and command, with a directory through which it is handed a descriptor. Both
// are mounted read-only, at InitPath and HandoffPath, and must be readable by
// the container's user.
type InitSpec struct {
	Program string   // absolute path of a static executable on the host
	Dir     string   // absolute path of the hand-off directory on the host
	Args    []string // arguments before the image's own command
}

// request is the body of a create call.
type request struct {
	config     rawjson.Object
	hostConfig rawjson.Object
	networks   map[string]rawjson.Object
	primary    string // the network of NetworkMode
	files      []layer.File
}

// Create makes a container from stored settings, with restart policy "no", and
// does not start it. It is there whole or not at all. ErrExists when the name is
// taken.
func (c *Client) Create(ctx context.Context, spec Spec) (string, error) {
	s, err := definition.Parse(spec.Settings)
	if err != nil {
		return "", callErr("create", spec.Name, err)
	}
	img, err := c.imageOf(ctx, spec.ImageID)
	if err != nil {
		return "", err
	}
	r, err := buildRequest(s, spec, img)
	if err != nil {
		return "", callErr("create", spec.Name, err)
	}
	shown := c.sameImage(ctx, spec.Ref, spec.ImageID)
	r.config.Set("Image", shown)
	id, err := c.create(ctx, spec.Name, r)
	if err != nil || shown == spec.ImageID {
		return id, err
	}
	made, err := c.Inspect(ctx, id)
	if err != nil || made.ImageID == spec.ImageID {
		return id, err
	}
	// The tag moved between the two calls.
	if err := c.Remove(ctx, id); err != nil {
		return "", err
	}
	r.config.Set("Image", spec.ImageID)
	return c.create(ctx, spec.Name, r)
}

// buildRequest applies spec to the settings.
func buildRequest(s definition.Settings, spec Spec, img inspect.ImageConfig) (request, error) {
	r := request{config: s.Config.Clone(), hostConfig: s.HostConfig.Clone(), networks: s.Networks, files: s.Files}
	r.config.Set("Image", spec.ImageID)
	var env []string
	labels := map[string]string{}
	if err := errors.Join(r.config.Get("Env", &env), r.config.Get("Labels", &labels), r.hostConfig.Get("NetworkMode", &r.primary)); err != nil {
		return r, err
	}
	r.config.SetFilled("Env", mergeEnv(env, spec.Env))
	maps.Copy(labels, spec.Labels)
	r.config.SetFilled("Labels", labels)
	if spec.Command != nil {
		r.config.Set("Cmd", spec.Command)
	}
	r.hostConfig.Set("RestartPolicy", map[string]string{"Name": "no"})
	if spec.Init != nil {
		return r, addInit(r, *spec.Init, img)
	}
	return r, nil
}

// mergeEnv appends more to env; the last value of a key wins and keeps the
// first one's place.
func mergeEnv(env, more []string) []string {
	out := slices.Clone(env)
	for _, e := range more {
		key, _, _ := strings.Cut(e, "=")
		i := slices.IndexFunc(out, func(o string) bool { k, _, _ := strings.Cut(o, "="); return k == key })
		if i < 0 {
			out = append(out, e)
		} else {
			out[i] = e
		}
	}
	return out
}

// addInit puts the init program in front. A container that is given an
// entrypoint loses its image's command, so both are spelled out.
func addInit(r request, init InitSpec, img inspect.ImageConfig) error {
	var entrypoint, cmd []string
	if err := errors.Join(r.config.Get("Entrypoint", &entrypoint), r.config.Get("Cmd", &cmd)); err != nil {
		return err
	}
	entrypoint, cmd = definition.EffectiveCommand(entrypoint, cmd, img)
	if len(entrypoint)+len(cmd) == 0 {
		return errors.New("the image says no command to run")
	}
	r.config.Set("Entrypoint", slices.Concat([]string{InitPath}, init.Args, entrypoint))
	r.config.SetFilled("Cmd", cmd)
	var mounts []json.RawMessage
	if err := r.hostConfig.Get("Mounts", &mounts); err != nil {
		return err
	}
	all := []any{readOnly(init.Program, InitPath), readOnly(init.Dir, HandoffPath)}
	for _, m := range mounts {
		all = append(all, m)
	}
	r.hostConfig.Set("Mounts", all)
	return nil
}

// readOnly mounts a path of the host's, by the mounts API, because a bind's text
// cannot hold the colon of a slot's name.
func readOnly(source, target string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true}
}

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

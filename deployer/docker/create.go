package docker

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
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

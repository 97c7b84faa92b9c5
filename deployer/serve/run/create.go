package run

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/sockets"
)

// What stands under a container's name can be half of one: made and not started,
// about to be removed, tied to a container that is there no more, or somebody
// else's. Whatever it is, the next attempt goes on from there, and never with
// what edgeman did not make.

// ours tells the containers that edgeman made, which carry in their labels what
// their names are made of.
func ours(c docker.Container) bool {
	of := strings.Join([]string{c.Labels[label.App], c.Labels[label.Slot], c.Labels[label.Release]}, "-")
	rest, ok := strings.CutPrefix(c.Name, of)
	return ok && c.Labels[label.App] != "" && (rest == "" || rest[0] == '-' || rest[0] == '.')
}

// create makes sure that the container exists. While Docker says that its name
// is taken and shows nothing there, one is just being made or removed.
func (r *runner) create(ctx context.Context, e Engine) (docker.Container, error) {
	for {
		c, err := e.Inspect(ctx, r.name)
		switch {
		case errors.Is(err, docker.ErrNotFound):
			c, err = r.make(ctx, e)
		case err == nil && !ours(c):
			err = hint.New("docker rename "+r.name+" another-name", "the container %s is not one that edgeman made", r.name)
		case err == nil && (c.Status == "dead" || c.Status == "removing"):
			if err = r.slot.remove(ctx, c.ID); err == nil {
				continue
			}
		}
		if !errors.Is(err, docker.ErrExists) {
			return c, err
		}
		poll.Sleep(ctx, lookAgain)
		if ctx.Err() != nil {
			return c, err
		}
	}
}

// lookAgain is how soon to look again at what somebody else is making or removing.
const lookAgain = 100 * time.Millisecond

// make creates the container. What Docker gives the first of several by itself,
// a volume for a VOLUME of the image, is for all of them, or each would keep
// data of its own that the next release could not take over.
func (r *runner) make(ctx context.Context, e Engine) (docker.Container, error) {
	if r.first == nil {
		r.making.Lock()
		defer r.making.Unlock()
		if c, err := e.Inspect(ctx, r.name); !errors.Is(err, docker.ErrNotFound) {
			return c, err // by another replica's wish
		}
	}
	spec := r.spec()
	if err := r.withHeldVolumes(ctx, e, &spec); err != nil {
		return docker.Container{}, err
	}
	if r.first != nil {
		first, err := r.first.create(ctx, e)
		if err != nil {
			return docker.Container{}, err
		}
		if spec.Settings, _, err = volume.Keep(spec.Settings, first); err != nil {
			return docker.Container{}, err
		}
	}
	if err := r.makeHandoff(); err != nil {
		return docker.Container{}, err
	}
	id, err := e.Create(ctx, spec)
	if err != nil {
		return docker.Container{}, err
	}
	return e.Inspect(ctx, id)
}

// spec is the container that the release wants in this slot.
func (r *runner) spec() docker.Spec {
	s := docker.Spec{
		Name: r.name, ImageID: r.release.ImageID, Ref: r.release.Image, Settings: r.release.Settings,
		Env: r.release.Env, Command: r.release.Command,
		Labels: map[string]string{
			label.App: r.slot.Slot.App, label.Slot: r.slot.Slot.Color, label.Release: strconv.Itoa(r.release.Number),
			label.Replica: strconv.Itoa(r.index + 1),
		},
	}
	maps.Copy(s.Labels, label.NoUpdates)
	if r.native() {
		return r.nativeSpec(s)
	}
	return s
}

// nativeSpec changes a container's description so that it gets the listeners. An
// app that wants a descriptor's number in an option finds it for {fd:NAME}, and
// that of the first for {fd}.
func (r *runner) nativeSpec(s docker.Spec) docker.Spec {
	pairs := []string{"{fd}", strconv.Itoa(handedFD)}
	for i, l := range r.release.Listeners {
		pairs = append(pairs, "{fd:"+l.Name+"}", strconv.Itoa(handedFD+i))
	}
	numbers := strings.NewReplacer(pairs...)
	number := func(words []string) []string {
		out := slices.Clone(words)
		for i := range out {
			out[i] = numbers.Replace(out[i])
		}
		return out
	}
	s.Env, s.Command = number(s.Env), number(s.Command)
	s.Init = &docker.InitSpec{
		Program: r.slot.InitProgram, Dir: r.slot.handoffDir(r.name),
		Args: []string{docker.HandoffPath + "/" + sockets.HandoffSocket},
	}
	return s
}

// Package declared finds out what the Compose file of a container says it is to be
// made of: it has Compose show that, and reads what is shown. Nothing of the project
// is changed.
package declared

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"

	"edgeman/deployer/compose"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Host is what is asked.
type Host struct {
	Docker  Docker
	Compose func(ctx context.Context) (Compose, error) // that of this host; the error may be compose.ErrNone
}

// Docker reads and removes the container that shows what is declared.
type Docker interface {
	Declared(ctx context.Context, id string, like adoptable.Like) (adoptable.Declared, error)
	RemoveUnused(ctx context.Context, id string) error
}

// Compose says what a service's files say now.
type Compose interface {
	Read(ctx context.Context, s compose.Service) (compose.Definition, error)
	// Template has a container made as they say, which is never started.
	Template(ctx context.Context, d compose.Definition, image string) (name string, err error)
}

// Definition is what the files of a service say.
type Definition struct {
	compose.Definition
	Service compose.Service
	by      Compose
}

// ErrUnread means that there are no files to read, or nothing to read them with.
var ErrUnread = errors.New("cannot be read here")

// unread is why not.
type unread struct{ error }

func (unread) Is(target error) bool { return target == ErrUnread }

// Read reads what the service's files say now. The error is ErrUnread if they are not
// on this host, or there is no Compose that can tell.
func (h *Host) Read(ctx context.Context, s compose.Service) (*Definition, error) {
	if err := s.Here(regular); err != nil {
		return nil, unread{err}
	}
	by, err := h.Compose(ctx)
	if errors.Is(err, compose.ErrNone) {
		return nil, unread{err}
	}
	if err != nil {
		return nil, err
	}
	d := &Definition{Service: s, by: by}
	d.Definition, err = by.Read(ctx, s)
	return d, err
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Image is the reference that the service runs. One that is only built has an image
// that Compose names: built is that.
func (d *Definition) Image(built string) string {
	image := d.Definition.Image()
	if image == "" {
		image = built
	}
	if !strings.ContainsAny(path.Base(image), ":@") {
		image += ":latest" // as Docker reads it
	}
	return image
}

// Compile finds out what a container of the image is made of by the files. The image
// has to be on this host.
func (h *Host) Compile(ctx context.Context, d *Definition, image string, like adoptable.Like) (is adoptable.Declared, err error) {
	if key := d.Refused(); key != "" {
		return is, outcome.Refuse("%s: %s in %s ties it to another container, and that cannot be carried", d.Service, key, strings.Join(d.Service.Files, ", "))
	}
	name, err := d.by.Template(ctx, d.Definition, image)
	if err != nil {
		return is, err
	}
	like.Aliases = d.Renames()
	is, err = h.Docker.Declared(ctx, name, like)
	if err = errors.Join(err, h.Docker.RemoveUnused(context.WithoutCancel(ctx), name)); err == nil && len(is.Unnamed) > 0 {
		err = hint.With(outcome.Refuse("%s mounts a new volume without a name at %s: each container would have an empty one", d.Service, strings.Join(is.Unnamed, ", ")),
			"give it a name below volumes in %s", strings.Join(d.Service.Files, ", "))
	}
	return is, err
}

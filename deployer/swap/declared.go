package swap

import (
	"context"
	"errors"
	"strings"

	"edgeman/deployer/adoption"
	"edgeman/deployer/compose"
	"edgeman/deployer/declared"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// declaration is what the Compose file of an app's original says.
type declaration struct {
	*declared.Definition
	record adoption.Record
	is     adoptable.Declared // once it is compiled
}

// image is the reference that the file wants.
func (d *declaration) image() string { return d.Image(d.record.Image) }

// declare makes what the app's Compose file says what is asked for, if it has one that
// can be read.
func (h *Host) declare(ctx context.Context, o *Options) error {
	service, ok, err := h.serviceOf(o.App)
	if err != nil || !ok {
		return err
	}
	d, err := h.readDefinition(ctx, o.App, service)
	switch {
	case errors.Is(err, declared.ErrUnread):
		h.Note("%s was made from %s, whose files are not read: %v; the live release's reference is what is deployed", o.App, service, err)
		return nil
	case err != nil:
		return hint.With(outcome.Refuse("%s was made from %s, whose files cannot be read: %v", o.App, service, err), "%s", asItIs(o.App))
	}
	o.declaration, o.Image = d, d.image()
	h.Step("compose", "%s says %s", service, o.Image)
	return nil
}

// asItIs is the way past a file that is of no use.
func asItIs(app string) string {
	return "edgeman swap " + app + " IMAGE deploys an image with the settings that the app has"
}

// sayDefinition says that the app's Compose file names another image than the one that
// is live now. Nothing is said where that cannot be read.
func (h *Host) sayDefinition(ctx context.Context, app, live string) {
	service, ok, err := h.serviceOf(app)
	if err != nil || !ok {
		return
	}
	if d, err := h.readDefinition(ctx, app, service); err == nil && d.image() != live {
		h.Note("%s still says %s, in %s or what that reads: edgeman swap %s, without an image, goes back to it", service, d.image(), strings.Join(service.Files, ", "), app)
	}
}

func (h *Host) readDefinition(ctx context.Context, app string, service compose.Service) (*declaration, error) {
	record, err := adoption.Read(h.Paths, app)
	if err != nil {
		return nil, err
	}
	d, err := h.Declared.Read(ctx, service)
	return &declaration{Definition: d, record: record}, err
}

// serviceOf is the Compose service that the app's original was a container of.
func (h *Host) serviceOf(app string) (s compose.Service, ok bool, err error) {
	if _, err := adoption.Read(h.Paths, app); errors.Is(err, adoption.ErrNone) {
		return s, false, nil // no such app, too
	}
	raw, err := adoption.ReadInspect(h.Paths, app, 0)
	if err != nil {
		return s, false, err
	}
	original, err := inspect.ReadContainer(raw)
	if err != nil {
		return s, false, err
	}
	s, ok = compose.Of(original.Labels)
	return s, ok, nil
}

// compile finds out what a container is made of by the file. The image is here.
func (s *swap) compile(ctx context.Context) (err error) {
	d := s.declaration
	like := adoptable.Like{Live: s.current.Settings, Name: d.record.Container}
	for _, l := range s.app.Listeners {
		served := adoptable.Served{Port: l.Port}
		for _, o := range d.record.Originals() {
			for _, at := range o.At {
				if at.Listener == l.Name {
					served.At = append(served.At, at.Address)
				}
			}
		}
		like.Served = append(like.Served, served)
	}
	if d.is, err = s.Declared.Compile(ctx, d.Definition, d.image(), like); err != nil {
		return hint.With(err, "%s", asItIs(s.app.Name))
	}
	return nil
}

// takeDefinition makes the next release as the file says.
func (s *swap) takeDefinition() {
	d := s.declaration
	s.next.Settings, s.next.StopFirst = d.is.Settings, d.is.StopFirst
	if len(d.is.Differ) > 0 {
		s.Step("compose", "unlike release %d, %s has: %s", s.current.Number, d.Service, strings.Join(d.is.Differ, ", "))
	}
}

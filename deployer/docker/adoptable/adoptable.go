// Package adoptable judges whether a running container can be taken over, and
// whether one that edgeman made can be replaced: what refuses it, what the
// operator has to know, and why two copies must not run at a time. It is given
// all facts, and asks neither the daemon nor the host.
package adoptable

import (
	"encoding/json"
	"maps"
	"net/netip"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/layer"
)

// Adoption is what taking over a running container means.
type Adoption struct {
	Container inspect.Container
	// Settings are stored in the release and given to Create. They may hold
	// secrets from the environment.
	Settings json.RawMessage
	// Refusals stop the adoption, each unless its Override was given.
	Refusals []Note
	Warnings []Note
	// Recreate says why the old and the new container must not run at the same
	// time; empty when they may.
	Recreate []string
	Writes   []string // those of them that are about data: volumes and directories of the host
}

// Facts is everything an adoption is judged by.
type Facts struct {
	Container inspect.Container
	In        inspect.Answer
	Image     inspect.ImageConfig
	ImageGone bool
	Hostname  string
	Port      uint16           // the app's, inside
	At        []netip.AddrPort // what nginx dials on this host
	Others    []container.Summary
	Layer     layer.Layer       // the writable one
	Sources   map[string]string // what is mounted from the host is there; "" when it is not
}

// Judge turns facts into the plan that the operator reads. It asks nobody.
func Judge(f Facts) (Adoption, error) {
	a := Adoption{Container: f.Container, Refusals: f.refusals()}
	if f.ImageGone {
		return a, nil // without the image there is nothing to compare with
	}
	s, err := definition.Extract(f.In, f.Image, f.Hostname)
	if err != nil {
		return a, err
	}
	if err := f.makeOurs(s); err != nil {
		return a, err
	}
	ports, err := s.FixedPorts()
	if err != nil {
		return a, err
	}
	s.Files, s.Sources = f.Layer.Values, f.Sources
	if a.Container.Raw, err = definition.WithFiles(a.Container.Raw, s.Files); err != nil {
		return a, err
	}
	a.Settings = s.Bytes()
	a.Recreate = f.recreate(s, ports)
	a.Writes = writable(f.In.InspectResponse)
	a.Warnings = f.warnings(s, len(a.Recreate) == 0)
	return a, nil
}

// makeOurs changes what is different for a container that edgeman runs.
func (f Facts) makeOurs(s definition.Settings) error {
	labels := map[string]string{}
	if err := s.Config.Get("Labels", &labels); err != nil {
		return err
	}
	maps.DeleteFunc(labels, func(k, _ string) bool { return label.Owned(k) })
	s.Config.SetFilled("Labels", labels)
	if len(f.At) > 0 {
		if err := s.DropPort(f.In, f.Port, f.At); err != nil {
			return err
		}
	}
	if err := s.NameJoined(f.names()); err != nil {
		return err
	}
	// edgeman serve restarts the container; the daemon must not do so too.
	s.HostConfig.Drop("RestartPolicy", "AutoRemove")
	s.AddAlias(f.Container.Name)
	return nil
}

// names are those of the containers of this host, by their ids.
func (f Facts) names() map[string]string {
	out := map[string]string{}
	for _, o := range f.Others {
		out[o.ID] = inspect.NameOf(o)
	}
	return out
}

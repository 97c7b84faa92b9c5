// Package adoptable judges whether a running container can be taken over, and
// whether one that edgeman made can be replaced: what refuses it, what the
// operator has to know, and why two copies must not run at a time. It is given
// all facts, and asks neither the daemon nor the host.
package adoptable

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

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
	// StopFirst says why the old and the new container must not run at the same
	// time; empty when they may.
	StopFirst []string
	Writes    []string // those of them that are about data: volumes and directories of the host
}

// Facts is everything an adoption is judged by.
type Facts struct {
	Container inspect.Container
	In        inspect.Answer
	Image     inspect.ImageConfig
	ImageGone bool
	Hostname  string
	Served    []Served // the app's ports that are taken over
	Others    []container.Summary
	Layer     layer.Layer       // the writable one
	Sources   map[string]string // what is mounted from the host is there; "" when it is not
}

// Served is a port of a container, and what nginx dials on this host to reach it.
type Served struct {
	Port uint16
	At   []netip.AddrPort
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
	a.StopFirst = f.stopFirst(s, ports)
	a.Writes = writable(f.In.InspectResponse)
	a.Warnings = f.warnings(s, len(a.StopFirst) == 0)
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
	for _, served := range f.Served {
		if len(served.At) == 0 {
			continue
		}
		if err := s.DropPort(f.In, served.Port, served.At); err != nil {
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

// Live is what a command has to know of a container before it replaces it.
type Live struct {
	// Settings are those it was made of, with what has changed on it since then
	// and what was put into it.
	Settings json.RawMessage
	// Refusals keep it from being replaced, each unless its Override was given.
	Refusals  []Note
	Changed   []string // what Settings have that it was not made with
	Notes     []string // what does not go along
	StopFirst []string // why the next one must not run beside it, for what is new
}

// Compare takes what has changed on a container into its settings.
func Compare(s definition.Settings, in inspect.Answer, layer layer.Layer) (Live, error) {
	name := strings.TrimPrefix(in.Name, "/")
	var l Live
	if note, ok := layerRefusal(layer, name); ok {
		l.Refusals = append(l.Refusals, note)
	}
	now, err := definition.HostConfig(in)
	if err != nil {
		return l, err
	}
	l.Changed = append(l.Changed, s.TakeLimits(now)...)
	var primary string
	_ = now.Get("NetworkMode", &primary) // set by HostConfig
	fixed := s.FixedAddresses()
	changed, lost := s.TakeNetworks(definition.Endpoints(in), primary)
	l.Changed = append(l.Changed, changed...)
	l.Notes = append(l.Notes, lost...)
	for _, f := range s.FixedAddresses() {
		if !slices.Contains(fixed, f) {
			l.StopFirst = append(l.StopFirst, f)
		}
	}
	if p := inspect.RestartPolicy(in.HostConfig.RestartPolicy); p != "no" {
		l.Notes = append(l.Notes, fmt.Sprintf("container %s has the restart policy %s by now, and the next one has none: edgeman itself starts it again", name, p))
	}
	l.Changed = append(l.Changed, s.TakeFiles(layer.Values)...)
	l.Settings = s.Bytes()
	return l, nil
}

// Note is something the operator is told before anything happens.
type Note struct {
	Code string // stable
	Text string // one sentence; never holds a value from the environment
	Hint string // what to do next, if there is anything
	// Override is the flag that accepts a refusal, such as
	// "--allow-writable-layer"; empty when nothing can.
	Override string
}

// Codes of refusals. Those that can be accepted have an Override.
const (
	codeNotRunning    = "not-running"    // stopped, paused or restarting
	codeManaged       = "managed"        // Swarm or Kubernetes owns the container
	codeOwn           = "own-container"  // made by edgeman already
	codeImageGone     = "image-gone"     // nothing to make another container from
	CodeWritableLayer = "writable-layer" // files that a new container would not have
	CodeRmVolumes     = "rm-volumes"     // --rm would delete anonymous volumes
	codeSourceGone    = "source-gone"    // what is mounted from the host is not there any more
)

// Codes of warnings.
const (
	codePortGoesAway  = "port-goes-away" // others may use the published port
	codeCompose       = "compose"        // the next `up` starts the old one again
	codeSharedNames   = "shared-names"   // names that reach both copies
	codeContainerName = "container-name" // tools that address it by name
	codeJobsTwice     = "jobs-twice"     // jobs inside that run in both copies
	codeRm            = "rm"             // --rm: cannot be kept when stopped
	codeJoined        = "joined"         // others stay in the old network namespace
	codeValues        = "values"         // files put into the container, which are carried
	codeScratch       = "scratch"        // files that stay behind without being data
	codeOwnName       = "own-name"       // host names that the containers of several had
	codeOwnAddress    = "own-address"    // fixed addresses that they had
)

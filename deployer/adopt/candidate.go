package adopt

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"edgeman/deployer/compose"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// candidate is what will become an app: what leads to one container, or to several
// that are copies of one.
type candidate struct {
	name       string
	ways       []way // one for each listener of the app, the main one first
	finder     *finder
	plan       *nginxconf.Plan
	containers []docker.Container
	beside     bool // they run on, for ports that are not taken over
	adoption   adoptable.Adoption
	via        string
	image      string
	health     string   // how the app is asked whether it is ready, as in the app file
	headers    []string // and with what headers
	warnings   []string
	notes      []string
}

// way leads to one port of the app: by one target for each of its containers, in
// their order.
type way struct {
	port    uint16
	targets []nginxconf.Target
	dialled [][]netip.AddrPort // for each target the addresses that lead to its container
}

// listener is called like the port that it is for.
func (w way) listener() state.Listener { return state.PortListener(w.port) }

// protocol is what the way is spoken on.
func (w way) protocol() string { return w.targets[0].Protocol }

// listeners are those of the app.
func (c candidate) listeners() (all []state.Listener) {
	for _, w := range c.ways {
		all = append(all, w.listener())
	}
	return all
}

// targets are those of all ways.
func (c candidate) targets() (all []nginxconf.Target) {
	for _, w := range c.ways {
		all = append(all, w.targets...)
	}
	return all
}

// main is the first target of the main way.
func (c candidate) main() nginxconf.Target { return c.ways[0].targets[0] }

// patience lists how long nginx waits at each place that leads to the candidate.
func (c candidate) patience() (all []nginxconf.Patience) {
	for _, t := range c.targets() {
		all = append(all, t.Patience()...)
	}
	return all
}

// describe is the candidate as the operator is told about it.
func (c candidate) describe(o Options) App {
	first := c.main()
	a := App{
		App: c.name, Target: first.Address, Upstream: first.Upstream, Class: string(first.Class),
		Container: c.containers[0].Name, Image: c.image, Port: c.ways[0].port, Via: c.via, Replicas: len(c.containers),
		Peer:   peerNote(c.containers[0], c.via, o.Mode),
		Beside: c.beside, Strategy: state.Overlap, Why: c.adoption.StopFirst, Edits: []string{}, Warnings: c.warnings, Diff: c.plan.Diff(),
	}
	if len(a.Why) > 0 {
		a.Strategy = state.StopFirst
	}
	if s, ok := compose.Of(c.containers[0].Labels); ok {
		a.Compose = &s
	}
	for _, w := range c.ways {
		l := Listener{Name: w.listener().Name, Port: w.port, Protocol: w.protocol(), Upstream: w.targets[0].Upstream}
		for i, t := range w.targets {
			a.Class = max(a.Class, string(t.Class))
			for _, address := range t.Addresses(o.Everywhere) {
				l.Targets = append(l.Targets, address)
				a.Containers = append(a.Containers, c.containers[i].Name)
			}
		}
		a.Listeners, a.Targets = append(a.Listeners, l), append(a.Targets, l.Targets...)
	}
	for _, f := range c.plan.Files {
		for _, e := range f.Edits {
			a.Edits = append(a.Edits, fmt.Sprintf("%s, %s: %s", f.Path, e.In, e.Why))
		}
	}
	a.Notes = append(a.Notes, c.notes...)
	for _, n := range c.plan.Notes {
		a.Notes = append(a.Notes, n.Text)
	}
	return a
}

// sameAsFirst refuses the i-th container of a candidate with one way unless it is
// another one of the first's image that listens on the same port.
func (c *candidate) sameAsFirst(i int, port uint16) error {
	first, now, w := c.containers[0], c.containers[i], c.ways[0]
	for n, other := range c.containers[:i] {
		if other.ID == now.ID {
			return c.unlike(i, "leads to container %s, as %s does", now.Name, w.targets[n].Address)
		}
	}
	switch {
	case now.ImageID != first.ImageID:
		return c.unlike(i, "is container %s of %s, and %s is %s of %s", now.Name, imageOf(now), w.targets[0].Address, first.Name, imageOf(first))
	case port != w.port:
		return c.unlike(i, "is container %s that listens on %d, and %s listens on %d", now.Name, port, first.Name, w.port)
	}
	return nil
}

// unlike says why target i of the main way is no copy of the others, with its line.
func (c *candidate) unlike(i int, format string, args ...any) error {
	t := c.ways[0].targets[i]
	return hint.With(outcome.Refuse("%s: %s %s", placeOf(t), t.Address, fmt.Sprintf(format, args...)),
		"the servers of upstream %s become one app only if they are copies of one container", t.Upstream)
}

// drawn matches the two words that Docker makes up for an unnamed container.
var drawn = regexp.MustCompile(`^[a-z]+_[a-z]+[0-9]?$`)

// defaultName is the first word that describes the app and that no other app of
// the sites has: the file's name if there is one site for one app with one port;
// what its container is called; the site's server_name, the image, the upstream.
func (c candidate) defaultName(sites []string, alone bool, seen map[string]bool) string {
	ct, first := c.containers[0], c.main()
	var words []string
	if alone && len(sites) == 1 && len(c.ways) == 1 {
		words = append(words, strings.TrimSuffix(filepath.Base(sites[0]), ".conf"))
	}
	own := []string{composeName(ct)}
	if len(c.containers) > 1 { // each has a name of its own
		own = []string{first.Upstream, composeName(ct)}
	} else if !drawn.MatchString(ct.Name) {
		own = append(own, ct.Name)
	}
	words = append(append(words, own...), first.SiteName(), repositoryName(ct.Image), first.Upstream)
	for _, w := range words {
		name := asName(w)
		chosen := !alone && w == ct.Name // among several apps even "backend" tells one
		if name != "" && !seen[name] && (chosen || !slices.Contains(nothing, name)) {
			return name
		}
	}
	return asName(ct.Name)
}

// addresses are the targets' as nginx's files spell them.
func (c candidate) addresses() string {
	var list []string
	for _, t := range c.targets() {
		list = append(list, t.Addresses(false)...)
	}
	return strings.Join(list, ", ")
}

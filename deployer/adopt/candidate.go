package adopt

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// candidate is what will become an app: one target of a site, or several with a
// copy of one container behind each.
type candidate struct {
	name       string
	targets    []nginxconf.Target
	finder     *finder
	plan       *nginxconf.Plan
	containers []docker.Container // one for each target
	dialled    [][]netip.AddrPort // for each target the addresses that lead to its container
	port       uint16
	adoption   adoptable.Adoption
	via        string
	image      string
	health     string   // how the app is asked whether it is ready, as in the app file
	headers    []string // and with what headers
	warnings   []string
}

// patience lists how long nginx waits at each place that leads to the candidate.
func (c candidate) patience() (all []nginxconf.Patience) {
	for _, t := range c.targets {
		all = append(all, t.Patience()...)
	}
	return all
}

// describe is the candidate as the operator is told about it.
func (c candidate) describe(o Options) App {
	first := c.targets[0]
	a := App{
		App: c.name, Target: first.Address, Upstream: first.Upstream, Class: string(first.Class),
		Container: c.containers[0].Name, Image: c.image, Port: c.port, Via: c.via, Replicas: len(c.containers),
		Peer:     peerNote(c.containers[0], c.via, o.Mode),
		Strategy: state.Overlap, Why: c.adoption.StopFirst, Edits: []string{}, Warnings: c.warnings, Diff: c.plan.Diff(),
	}
	if len(a.Why) > 0 {
		a.Strategy = state.StopFirst
	}
	for i, t := range c.targets {
		for _, address := range t.Addresses(o.Everywhere) {
			a.Targets = append(a.Targets, address)
			a.Containers = append(a.Containers, c.containers[i].Name)
		}
	}
	for _, f := range c.plan.Files {
		for _, e := range f.Edits {
			a.Edits = append(a.Edits, fmt.Sprintf("%s, %s: %s", f.Path, e.In, e.Why))
		}
	}
	for _, n := range c.plan.Notes {
		a.Notes = append(a.Notes, n.Text)
	}
	return a
}

// sameAsFirst refuses the i-th container unless it is another one of the first's
// image that listens on the same port.
func (c *candidate) sameAsFirst(i int, port uint16) error {
	first, now := c.containers[0], c.containers[i]
	for n, other := range c.containers[:i] {
		if other.ID == now.ID {
			return c.unlike(i, "leads to container %s, as %s does", now.Name, c.targets[n].Address)
		}
	}
	switch {
	case now.ImageID != first.ImageID:
		return c.unlike(i, "is container %s of %s, and %s is %s of %s", now.Name, imageOf(now), c.targets[0].Address, first.Name, imageOf(first))
	case port != c.port:
		return c.unlike(i, "is container %s that listens on %d, and %s listens on %d", now.Name, port, first.Name, c.port)
	}
	return nil
}

// unlike says why target i is no copy of the others, with its line.
func (c *candidate) unlike(i int, format string, args ...any) error {
	t := c.targets[i]
	return hint.With(outcome.Refuse("%s: %s %s", placeOf(t), t.Address, fmt.Sprintf(format, args...)),
		"the servers of upstream %s become one app only if they are copies of one container", t.Upstream)
}

// drawn matches the two words that Docker makes up for an unnamed container.
var drawn = regexp.MustCompile(`^[a-z]+_[a-z]+[0-9]?$`)

// defaultName is the first word that describes the app and that no other app of
// the site has: the file's name if the site is for one app; what its
// container is called; the site's server_name, the image, the upstream.
func (c candidate) defaultName(site string, alone bool, seen map[string]bool) string {
	ct := c.containers[0]
	var words []string
	if alone {
		words = append(words, strings.TrimSuffix(filepath.Base(site), ".conf"))
	}
	own := []string{composeName(ct)}
	if len(c.containers) > 1 { // each has a name of its own
		own = []string{c.targets[0].Upstream, composeName(ct)}
	} else if !drawn.MatchString(ct.Name) {
		own = append(own, ct.Name)
	}
	words = append(append(words, own...), c.targets[0].SiteName(), repositoryName(ct.Image), c.targets[0].Upstream)
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
	for _, t := range c.targets {
		list = append(list, t.Addresses(false)...)
	}
	return strings.Join(list, ", ")
}

// twice refuses a container that another app of the site would be made of, too.
func (c *candidate) twice(take []candidate) error {
	var places, ways []string
	for _, other := range take {
		for i, ct := range other.containers {
			if ct.ID == c.containers[0].ID {
				places = append(places, fmt.Sprintf("%s (%s)", other.targets[i].Address, placeOf(other.targets[i])))
				ways = append(ways, "--only "+other.targets[i].Address)
			}
		}
	}
	if len(places) < 2 {
		return nil
	}
	return hint.With(outcome.Refuse("%s lead to the same container, %s: an app has one port, and two apps would be two copies of the container",
		strings.Join(places, " and "), c.containers[0].Name),
		"%s takes one of them over; what is sent to the others then fails for a moment at each swap", strings.Join(ways, " or "))
}

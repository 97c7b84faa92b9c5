package route

import (
	"net"
	"strings"
)

// Places names what answers at a host and port, the same name for every spelling
// of one place. A host that stands for several addresses can lead to several
// places, and none are given where nothing is known: an address is a place of its
// own then. The host is in lower case and without brackets.
type Places func(host, port string) []string

// Places names what answers at an address; fallback is the port when none is
// written.
func (c *Finder) Places(a Address, fallback string) []string {
	if a.Unix != "" {
		return []string{"unix:" + a.Unix}
	}
	host, port := a.dialled(fallback)
	if c.where != nil {
		if names := c.where(host, port); len(names) > 0 {
			return names
		}
	}
	return []string{net.JoinHostPort(host, port)}
}

// Place names the place that an address leads to, or all of them together.
func (c *Finder) Place(a Address, fallback string) string {
	return strings.Join(c.Places(a, fallback), "+")
}

// PlaceOf names the place where a route ends.
func (c *Finder) PlaceOf(r Route) string {
	if r.Opaque != nil {
		return "opaque:" + r.Pass.Pos().String()
	}
	return c.Place(r.Addr, r.Fallback)
}

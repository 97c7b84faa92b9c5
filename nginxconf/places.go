package nginxconf

import (
	"net"
	"slices"
	"strings"
)

// Places names what answers at a host and port, the same name for every spelling
// of one place. A host that stands for several addresses can lead to several
// places, and none are given where nothing is known: an address is a place of its
// own then. The host is in lower case and without brackets.
type Places func(host, port string) []string

// SeveralPlaces is the code of a Plan's Stays whose address leads elsewhere, too.
const SeveralPlaces = "several-places"

// places names what answers at an address; fallback is the port when none is
// written.
func (c *finder) places(a address, fallback string) []string {
	if a.unix != "" {
		return []string{"unix:" + a.unix}
	}
	host, port := a.dialled(fallback)
	if c.where != nil {
		if names := c.where(host, port); len(names) > 0 {
			return names
		}
	}
	return []string{net.JoinHostPort(host, port)}
}

// place names the place that an address leads to, or all of them together.
func (c *finder) place(a address, fallback string) string {
	return strings.Join(c.places(a, fallback), "+")
}

func (c *finder) placeOf(r route) string {
	if r.opaque != nil {
		return "opaque:" + r.pass.Pos().String()
	}
	return c.place(r.addr, r.fallback)
}

// Addresses returns the spellings of the target in the site, in their order, and
// with everywhere those outside of it as well.
func (t Target) Addresses(everywhere bool) []string {
	return t.each(everywhere, func(u Use) string { return u.Address })
}

// Names returns what the target can be called by: its addresses and upstreams.
func (t Target) Names(everywhere bool) []string {
	return append(t.Addresses(everywhere), t.each(everywhere, func(u Use) string { return u.Upstream })...)
}

// each returns what f tells of the target's uses, without repetitions.
func (t Target) each(everywhere bool, f func(Use) string) []string {
	uses := t.Uses
	if everywhere {
		uses = slices.Concat(uses, t.Elsewhere)
	}
	var out []string
	for _, u := range uses {
		if s := f(u); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

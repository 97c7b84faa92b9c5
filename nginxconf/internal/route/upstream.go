package route

import (
	"slices"

	"edgeman/nginxconf/internal/config"
)

// Spare reports whether nginx sends requests to a server line only when the
// others fail, or never. nil is no server line.
func Spare(s *config.Node) bool {
	return s != nil && (slices.Contains(s.Args(), "backup") || slices.Contains(s.Args(), "down"))
}

// Balanced lists the addresses between which an upstream spreads its requests.
func (c *Finder) Balanced(up *config.Node) []string {
	var keys []string
	for _, s := range up.All("server") {
		if a, ok := ParseServer(s.Arg(0)); ok && !Spare(s) {
			keys = append(keys, c.Place(a, "80"))
		}
	}
	return keys
}

// serverRoutes returns the ways through an upstream.
func serverRoutes(pass, up *config.Node, scheme string) []Route {
	var out []Route
	for _, s := range up.All("server") {
		if slices.Contains(s.Args(), "down") {
			continue
		}
		a, ok := ParseServer(s.Arg(0))
		r := Route{Pass: pass, Scheme: scheme, Upstream: up, Server: s, Addr: a, Class: ClassA, Fallback: "80"}
		if !ok {
			r.Opaque = config.Refuse(s.Pos(), "", "the address in %q is not understood", s)
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		reason := config.Refuse(up.Pos(), "", "upstream %s has no server line that is in use, so the text does not say where requests go", up.Arg(0))
		out = append(out, Route{Pass: pass, Upstream: up, Opaque: reason})
	}
	return out
}

package route

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
)

// Address is what a pass directive or an upstream's server line points to.
type Address struct {
	Scheme string // lower case, "" where the directive has none
	Host   string // as written, IPv6 with brackets
	Port   string // as written, "" for the default
	URI    string // what follows host and port
	Unix   string // the path of a Unix socket
	Start  int    // span of host and port in the argument
	End    int
}

// DefaultPorts holds the port that a scheme implies; those of grpc_pass imply
// none, and it sends the port in the Host header whatever it is.
var DefaultPorts = map[string]string{"http": "80", "https": "443"}

// ParsePass splits the argument of a pass directive without variables.
func ParsePass(arg string) (Address, bool) {
	var a Address
	if i := strings.Index(arg, "://"); i >= 0 && !strings.EqualFold(arg[:i], "unix") {
		a.Scheme, a.Start = strings.ToLower(arg[:i]), i+3
	}
	return a.authority(arg)
}

// ParseServer splits the address of an upstream's server line.
func ParseServer(arg string) (Address, bool) {
	return Address{}.authority(arg)
}

func (a Address) authority(arg string) (Address, bool) {
	rest := arg[a.Start:]
	if len(rest) >= 5 && strings.EqualFold(rest[:5], "unix:") {
		a.Unix, a.URI, _ = strings.Cut(rest[5:], ":")
		a.End = a.Start + 5 + len(a.Unix)
		return a, a.Unix != ""
	}
	n := strings.IndexAny(rest, "/?$") // a variable here is known to begin the URI
	if n < 0 {
		n = len(rest)
	}
	a.End, a.URI = a.Start+n, rest[n:]
	return a, a.hostPort(rest[:n])
}

// hostPort fills host and port; it fails on what nginx would not accept.
func (a *Address) hostPort(s string) bool {
	a.Host = s
	from := 0
	if strings.HasPrefix(s, "[") {
		if from = strings.IndexByte(s, ']'); from < 0 {
			return false
		}
	}
	if i := strings.IndexByte(s[from:], ':'); i >= 0 {
		a.Host, a.Port = s[:from+i], s[from+i+1:]
		if n, err := strconv.Atoi(a.Port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	return a.Host != "" && !strings.ContainsFunc(a.Host, lex.OddInHost)
}

// schemes lists what each module takes in front of "://".
var schemes = map[string][]string{
	"proxy": {"http", "https"},
	"grpc":  {"", "grpc", "grpcs"},
	"uwsgi": {"", "uwsgi", "suwsgi"},
}

// takes reports whether a pass directive takes an address with that scheme.
func takes(pass *config.Node, a Address) bool {
	if list := schemes[config.Module(pass)]; list != nil && config.Side(pass) == "http" {
		return slices.Contains(list, a.Scheme)
	}
	return a.Scheme == ""
}

// dialled returns host and port as nginx connects to them: in lower case and
// without brackets, the unspecified address being the loopback one; fallback is
// the port when none is written.
func (a Address) dialled(fallback string) (host, port string) {
	host = strings.ToLower(strings.Trim(a.Host, "[]"))
	if ip, err := netip.ParseAddr(host); err == nil {
		switch ip = ip.Unmap(); {
		case !ip.IsUnspecified():
		case ip.Is4():
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		default:
			ip = netip.IPv6Loopback()
		}
		host = ip.String()
	}
	return host, cmp.Or(a.Port, fallback)
}

// AddrPort is the address in numbers, invalid when its host is a name.
func (a Address) AddrPort(fallback string) netip.AddrPort {
	_, port := a.dialled(fallback)
	ip, err := netip.ParseAddr(strings.Trim(a.Host, "[]"))
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}

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

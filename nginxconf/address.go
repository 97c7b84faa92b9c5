package nginxconf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// address is what a pass directive or an upstream's server line points to.
type address struct {
	scheme string // lower case, "" where the directive has none
	host   string // as written, IPv6 with brackets
	port   string // as written, "" for the default
	uri    string // what follows host and port
	unix   string // the path of a Unix socket
	start  int    // span of host and port in the argument
	end    int
}

// defaultPorts holds the port that a scheme implies; those of grpc_pass imply
// none, and it sends the port in the Host header whatever it is.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// parsePass splits the argument of a pass directive without variables.
func parsePass(arg string) (address, bool) {
	var a address
	if i := strings.Index(arg, "://"); i >= 0 && !strings.EqualFold(arg[:i], "unix") {
		a.scheme, a.start = strings.ToLower(arg[:i]), i+3
	}
	return a.authority(arg)
}

// parseServer splits the address of an upstream's server line.
func parseServer(arg string) (address, bool) {
	var a address
	return a.authority(arg)
}

func (a address) authority(arg string) (address, bool) {
	rest := arg[a.start:]
	if len(rest) >= 5 && strings.EqualFold(rest[:5], "unix:") {
		a.unix, a.uri, _ = strings.Cut(rest[5:], ":")
		a.end = a.start + 5 + len(a.unix)
		return a, a.unix != ""
	}
	n := strings.IndexAny(rest, "/?$") // a variable here is known to begin the URI
	if n < 0 {
		n = len(rest)
	}
	a.end, a.uri = a.start+n, rest[n:]
	return a, a.hostPort(rest[:n])
}

// hostPort fills host and port; it fails on what nginx would not accept.
func (a *address) hostPort(s string) bool {
	a.host = s
	from := 0
	if strings.HasPrefix(s, "[") {
		if from = strings.IndexByte(s, ']'); from < 0 {
			return false
		}
	}
	if i := strings.IndexByte(s[from:], ':'); i >= 0 {
		a.host, a.port = s[:from+i], s[from+i+1:]
		if n, err := strconv.Atoi(a.port); err != nil || n < 1 || n > 65535 {
			return false
		}
	}
	return a.host != "" && !strings.ContainsFunc(a.host, oddInHost)
}

// oddInHost reports characters that no host name or address has, and that
// would need quotes where a host is written.
func oddInHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-[]:%", r))
}

// schemes lists what each module takes in front of "://".
var schemes = map[string][]string{
	"proxy": {"http", "https"},
	"grpc":  {"", "grpc", "grpcs"},
	"uwsgi": {"", "uwsgi", "suwsgi"},
}

// takes reports whether a pass directive takes an address with that scheme.
func takes(pass *Node, a address) bool {
	if list := schemes[moduleOf(pass)]; list != nil && side(pass) == "http" {
		return slices.Contains(list, a.scheme)
	}
	return a.scheme == ""
}

// dialled returns host and port as nginx connects to them: in lower case and
// without brackets, the unspecified address being the loopback one; fallback is
// the port when none is written.
func (a address) dialled(fallback string) (host, port string) {
	if port = a.port; port == "" {
		port = fallback
	}
	host = strings.ToLower(strings.Trim(a.host, "[]"))
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
	return host, port
}

// addrPort is the address in numbers, invalid when its host is a name.
func (a address) addrPort(fallback string) netip.AddrPort {
	_, port := a.dialled(fallback)
	ip, err := netip.ParseAddr(strings.Trim(a.host, "[]"))
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}

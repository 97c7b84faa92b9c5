package nginxconf

import (
	"net/netip"
)

// Reaching lists every place of the configuration that sends requests to an
// address that match picks. An address behind a name is not among them.
func (c *Config) Reaching(match func(netip.AddrPort) bool) []Use {
	var out []Use
	for _, pass := range c.Passes() {
		for _, r := range c.finder.Routes(pass) {
			if r.Opaque != nil {
				continue
			}
			if a := r.Addr.AddrPort(r.Fallback); a.IsValid() && match(a) {
				t := Target{}
				t.add(r, true)
				out = append(out, t.Uses...)
			}
		}
	}
	return out
}

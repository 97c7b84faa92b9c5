package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/route"
)

// checkPass refuses what makes a pass fail on, or differ for, a Unix socket.
func (p *planner) checkPass(r route.Route) error {
	if config.Side(r.Pass) == "stream" {
		for _, l := range r.Pass.Parent().All("listen") {
			if slices.Contains(l.Args(), "udp") {
				return config.Refuse(l.Pos(), "put what listens for UDP into a server block of its own; the TCP one can be taken over", "the server listens for UDP, which a stream socket does not carry")
			}
		}
	}
	return p.bind(r)
}

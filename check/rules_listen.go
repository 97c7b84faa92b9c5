package check

import (
	"fmt"
	"net/netip"
)

// addresses are the TCP addresses that the configuration wants, with one place
// each. Names, ranges of ports and variables are left to nginx -t.
func (h *host) addresses() map[netip.AddrPort]*server {
	out := map[netip.AddrPort]*server{}
	for _, s := range h.servers {
		for _, l := range s.listens {
			addr, err := netip.ParseAddrPort(l.key())
			if err == nil && !l.quic && !l.udp && out[addr] == nil {
				out[addr] = s
			}
		}
	}
	return out
}

var ruleNginxPortConflict = Rule{
	Code: "nginx-port-conflict", Title: "another program holds an address that nginx wants", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "A configured listen address is held by another process.",
	Why:  "`nginx -t` does not notice. A reload exits 0 and changes nothing: the old workers stay.",
	Fix:  "Stop the other program or change its address, then reload nginx.",
	look: portConflicts,
}

func portConflicts(h *host, report func(Finding)) {
	if h.listening.nginx == nil || !h.nginx.Running {
		return
	}
	for addr, s := range h.addresses() {
		mine, others := h.listening.holders(addr)
		if len(mine) > 0 || len(others) == 0 {
			continue
		}
		report(Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nginx should listen on %s, but %s is held by another program", addr, others[0].Local),
			Hint:    fmt.Sprintf("ss -ltnp 'sport = :%d' names the program", addr.Port()),
		})
	}
}

var ruleNginxNotListening = Rule{
	Code: "nginx-not-listening", Title: "nginx does not listen where its configuration says", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "nginx runs, but nothing listens on an address that the configuration on disk names.",
	Why:  "Visitors of that address are refused. The usual cause is a reload that failed or never happened.",
	Fix:  "`nginx -t && systemctl reload nginx`, then look at the error log.",
	look: notListening,
}

func notListening(h *host, report func(Finding)) {
	if h.listening.nginx == nil || len(h.listening.tcp) == 0 || !h.nginx.Running {
		return
	}
	for addr, s := range h.addresses() {
		mine, others := h.listening.holders(addr)
		if len(mine)+len(others) > 0 {
			continue
		}
		report(Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nothing listens on %s, which the configuration names", addr), Hint: reloadHint,
		})
	}
}

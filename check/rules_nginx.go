package check

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/sockets/count"
)

var ruleNginxConfigInvalid = Rule{
	Code: "nginx-config-invalid", Title: "nginx refuses its configuration", Worst: Critical, Needs: []need{needTest},
	What: "`nginx -t` fails. The message is nginx's own, with the file and line it gives.",
	Why:  "The running workers keep the old configuration, but reloads no longer work, so a renewed certificate is not loaded; after a restart or a reboot nginx does not start at all.",
	Fix:  "Correct the line that is named, then `nginx -t && systemctl reload nginx`.",
	look: nginxConfigInvalid,
}

func nginxConfigInvalid(h *host, report func(Finding)) {
	if h.refused == nil {
		return
	}
	f := Finding{Severity: Critical, Subject: nginxSubject, Message: "nginx -t: " + h.refused.Text, Hint: "nginx -t"}
	if h.refused.File != "" {
		f.At = []Position{{h.refused.File, h.refused.Line}}
	}
	report(f)
}

var ruleNginxNotRunning = Rule{
	Code: "nginx-not-running", Title: "nginx is not running", Worst: Critical, Needs: []need{needProcess},
	What: "There is no nginx master process.",
	Why:  "Every site on this host is down.",
	Fix:  "`systemctl status nginx` says why it stopped; `systemctl start nginx` starts it.",
	look: nginxNotRunning,
}

func nginxNotRunning(h *host, report func(Finding)) {
	if h.nginx.Running {
		return
	}
	f := Finding{Severity: Critical, Subject: nginxSubject, Message: "nginx is not running", Hint: "systemctl status nginx; systemctl start nginx"}
	if u, ok := h.unit("nginx.service"); ok && u.Active != "" {
		f.Message = fmt.Sprintf("nginx is not running; systemd says %s (%s)", u.Active, u.Result)
	}
	report(f)
}

var ruleNginxNotEnabled = Rule{
	Code: "nginx-not-enabled", Title: "nginx will not start at boot", Worst: Warning, Needs: []need{needUnits, needProcess},
	What: "nginx runs, but nginx.service is not enabled.",
	Why:  "After the next reboot every site is down.",
	Fix:  "`systemctl enable nginx`",
	look: nginxNotEnabled,
}

func nginxNotEnabled(h *host, report func(Finding)) {
	u, ok := h.unit("nginx.service")
	if !ok || u.Load != "loaded" || u.Active != "active" || u.FileState != "disabled" {
		return
	}
	report(Finding{
		Severity: Warning, Subject: Subject{"unit", u.Name},
		Message: "nginx runs but will not start at boot", Hint: "systemctl enable nginx",
	})
}

var ruleNginxStaleWorkers = Rule{
	Code: "nginx-stale-workers", Title: "nginx is not running the configuration on disk", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "A file of the configuration is newer than the oldest worker that takes connections: an edit was never loaded, or a reload failed. It is critical when nginx logged an emergency after the edit. A file whose owner, mode or name alone changed is a notice.",
	Why:  "`nginx -s reload` exits 0 even when the master then refuses the new configuration. What you see on disk is not what visitors get, and the next reload or reboot makes the difference visible at a bad time.",
	Fix:  "`nginx -t && systemctl reload nginx`, then look at the error log.",
	look: nginxStaleWorkers,
}

func nginxStaleWorkers(h *host, report func(Finding)) {
	since, ok := h.workersSince()
	if !ok {
		return
	}
	since = since.Add(startSlack)
	var edited, touched []string
	var newest time.Time
	for _, path := range h.included.paths {
		mod, changed, err := h.lastChange(path)
		switch {
		case err != nil:
		case mod.After(since):
			edited = append(edited, path)
			if mod.After(newest) {
				newest = mod
			}
		case changed.After(since):
			touched = append(touched, path)
		}
	}
	switch {
	case len(edited) > 0:
		report(h.staleFinding(edited, newest))
	case len(touched) > 0:
		report(Finding{
			Severity: Notice, Subject: nginxSubject, At: positions(touched), Hint: reloadHint,
			Message: fmt.Sprintf("owner, mode or name of %s changed after nginx loaded its configuration", few(touched)),
		})
	}
}

func (h *host) staleFinding(edited []string, newest time.Time) Finding {
	f := Finding{
		Severity: Warning, Subject: nginxSubject, At: positions(edited), Hint: reloadHint,
		Message: fmt.Sprintf("%s changed %s ago and nginx has not loaded it", few(edited), days(h.now.Sub(newest))),
	}
	if line := h.emergencyAfter(newest); line != "" {
		f.Severity = Critical
		f.Message += "; its last reload failed: " + line
	}
	return f
}

var ruleNginxWarn = Rule{
	Code: "nginx-warn", Title: "nginx -t warns", Worst: Warning, Needs: []need{needTest},
	After: []string{"nginx-config-invalid"},
	What:  "`nginx -t` succeeds but prints a warning. A conflicting server name is a warning here too; everything else is a notice.",
	Why:   "nginx ignores what it warns about, and tells only those who run the test by hand.",
	Fix:   "Correct the line that is named.",
	look:  nginxWarnings,
}

func nginxWarnings(h *host, report func(Finding)) {
	for _, m := range h.warnings {
		if m.Level != "warn" || h.duplicateKnown(m) {
			continue
		}
		f := Finding{Severity: Notice, Subject: Subject{"nginx", clean(m.Text)}, Message: "nginx -t warns: " + m.Text, Hint: "nginx -t"}
		if strings.HasPrefix(m.Text, "conflicting server name") && !strings.Contains(m.Text, `"_"`) && !strings.Contains(m.Text, `""`) {
			f.Severity = Warning
		}
		if m.File != "" {
			f.At = []Position{{m.File, m.Line}}
		}
		report(f)
	}
}

// duplicateKnown reports whether name-duplicate says the same, with both lines.
func (h *host) duplicateKnown(m nginx.Message) bool {
	if h.root == nil || !strings.HasPrefix(m.Text, "conflicting server name") {
		return false
	}
	known := false
	nameDuplicates(h, func(f Finding) {
		known = known || strings.Contains(m.Text, `"`+f.Subject.Name+`"`)
	})
	return known
}

// notHeld visits the TCP addresses that the configuration wants and the running
// nginx does not hold, with a server of each and with who holds it instead. Names,
// ranges of ports and variables are left to nginx -t.
func (h *host) notHeld(visit func(addr netip.AddrPort, s *server, others []count.TCPSocket)) {
	if h.listening.nginx == nil || len(h.listening.tcp) == 0 || !h.nginx.Running {
		return
	}
	seen := map[netip.AddrPort]bool{}
	for _, s := range h.servers {
		for _, l := range s.listens {
			addr, err := netip.ParseAddrPort(l.key())
			if err != nil || l.quic || l.udp || seen[addr] {
				continue
			}
			seen[addr] = true
			if mine, others := h.listening.holders(addr); len(mine) == 0 {
				visit(addr, s, others)
			}
		}
	}
}

var ruleNginxPortConflict = Rule{
	Code: "nginx-port-conflict", Title: "another program holds an address that nginx wants", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "A configured listen address is held by another process.",
	Why:  "`nginx -t` does not notice. A reload exits 0 and changes nothing: the old workers stay.",
	Fix:  "Stop the other program or change its address, then reload nginx.",
	look: nginxPortConflicts,
}

func nginxPortConflicts(h *host, report func(Finding)) {
	h.notHeld(func(addr netip.AddrPort, s *server, others []count.TCPSocket) {
		if len(others) == 0 {
			return
		}
		report(Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nginx should listen on %s, but %s is held by another program", addr, others[0].Local),
			Hint:    fmt.Sprintf("ss -ltnp 'sport = :%d' names the program", addr.Port()),
		})
	})
}

var ruleNginxNotListening = Rule{
	Code: "nginx-not-listening", Title: "nginx does not listen where its configuration says", Worst: Critical,
	After: []string{"nginx-not-running"}, Needs: []need{needConfig, needProcess},
	What: "nginx runs, but nothing listens on an address that the configuration on disk names.",
	Why:  "Visitors of that address are refused. The usual cause is a reload that failed or never happened.",
	Fix:  "`nginx -t && systemctl reload nginx`, then look at the error log.",
	look: nginxNotListening,
}

func nginxNotListening(h *host, report func(Finding)) {
	h.notHeld(func(addr netip.AddrPort, s *server, others []count.TCPSocket) {
		if len(others) > 0 {
			return
		}
		report(Finding{
			Severity: Critical, Subject: Subject{"address", addr.String()}, Sites: s.sites(), At: []Position{s.pos()},
			Message: fmt.Sprintf("nothing listens on %s, which the configuration names", addr), Hint: reloadHint,
		})
	})
}

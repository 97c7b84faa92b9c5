package check

import (
	"fmt"
)

var ruleNameDefaultMissing = Rule{
	Code: "name-default-missing", Title: "a TLS address has no explicit default server", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "No block on the address is marked `default_server`, so the first one read answers for names that nobody defined.",
	Why:  "The names of files decide which site answers for an unknown name.",
	Fix:  "Add a server with `listen 443 ssl default_server; ssl_reject_handshake on;`.",
	look: nameDefaultMissing,
}

func nameDefaultMissing(h *host, report func(Finding)) {
	on, hasDefault := map[string][]*server{}, map[string]bool{}
	var order []string
	for _, s := range h.servers {
		for _, l := range s.listens {
			if !l.ssl || s.stream {
				continue
			}
			k := l.key()
			order, on[k] = appendNew(order, k), append(on[k], s)
			hasDefault[k] = hasDefault[k] || l.def
		}
	}
	for _, k := range order {
		if hasDefault[k] || len(on[k]) < 2 {
			continue
		}
		report(Finding{
			Severity: Notice, Subject: Subject{"address", k}, At: []Position{on[k][0].pos()},
			Message: fmt.Sprintf("no server on %s is the default_server, so %s answers for unknown names", k, on[k][0].label()),
			Hint:    "add a server with listen ... ssl default_server; ssl_reject_handshake on;",
		})
	}
}

var ruleVersionShown = Rule{
	Code: "version-shown", Title: "nginx shows its version", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "`server_tokens` is not off.",
	Why:  "It helps nobody but scanners.",
	Fix:  "`server_tokens off;` in http.",
	look: versionShown,
}

func versionShown(h *host, report func(Finding)) {
	for _, http := range h.root.All("http") {
		if value(http, "server_tokens", "on") == "on" && len(h.servers) > 0 {
			report(Finding{
				Severity: Notice, Subject: nginxSubject, At: []Position{position(http)},
				Message: "nginx shows its version in every answer", Hint: "server_tokens off;",
			})
			return
		}
	}
}

var ruleErrorLogOff = Rule{
	Code: "error-log-off", Title: "errors are not logged", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "`error_log` is /dev/null, or a file called off.",
	Why:  "When something fails there is no trace. `off` is not a keyword here: nginx writes to a file of that name.",
	Fix:  "`error_log /var/log/nginx/error.log;`",
	look: errorLogOff,
}

func errorLogOff(h *host, report func(Finding)) {
	for _, d := range find(h.root, "error_log") {
		if a := d.Arg(0); a == "/dev/null" || a == "off" {
			report(blockFinding(d, Notice, "errors go to "+a, "error_log /var/log/nginx/error.log;"))
		}
	}
}

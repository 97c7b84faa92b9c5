package check

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

var ruleAliasTraversal = Rule{
	Code: "alias-traversal", Title: "files beside an alias can be read", Worst: Critical, Needs: []need{needConfig},
	What: "A prefix location without a final slash has an `alias` with one.",
	Why:  "`/x../secret` leaves the directory: with `location /x` and `alias /srv/x/` it reads /srv/secret.",
	Fix:  "Write `location /x/` with `alias /srv/x/`.",
	look: aliasTraversal,
}

func aliasTraversal(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("alias") {
		loc := d.Parent()
		if loc == nil || loc.Name() != "location" {
			continue
		}
		args := loc.Args()
		prefix := args[len(args)-1]
		if len(args) == 2 && args[0] != "^~" || strings.HasPrefix(prefix, "@") || strings.HasPrefix(prefix, "~") || strings.HasPrefix(prefix, "=") {
			continue
		}
		if !strings.HasSuffix(prefix, "/") && strings.HasSuffix(d.Arg(0), "/") {
			out = append(out, blockFinding(d, Critical,
				fmt.Sprintf("location %s with alias %s: %s../ reads files of %s", prefix, d.Arg(0), prefix, path.Dir(path.Clean(d.Arg(0)))),
				fmt.Sprintf("location %s/ { alias %s; }", prefix, d.Arg(0))))
		}
	}
	return out
}

var ruleAllowNoDeny = Rule{
	Code: "allow-no-deny", Title: "an allow list without a deny", Worst: Warning, Needs: []need{needConfig},
	What: "A level has `allow` and no `deny` for the rest.",
	Why:  "Everybody is allowed: nginx grants what no line decides.",
	Fix:  "Add `deny all;` after the allow lines.",
	look: allowNoDeny,
}

func allowNoDeny(h *host) []Finding {
	var out []Finding
	h.blocks(func(b *node) {
		allow := b.All("allow")
		if len(allow) == 0 || len(b.All("deny")) > 0 || protected(b) || slices.ContainsFunc(allow, func(d *node) bool { return d.Arg(0) == "all" }) {
			return
		}
		out = append(out, blockFinding(allow[0], Warning, b.Path()+" has allow and no deny, so everybody is allowed", "add deny all; after the allow lines"))
	})
	return out
}

// protected reports whether something else than addresses is asked for: with
// "satisfy any" the list then only adds to it.
func protected(b *node) bool {
	return value(b, "auth_basic", "off") != "off" || value(b, "auth_request", "off") != "off"
}

var ruleStatusExposed = Rule{
	Code: "status-exposed", Title: "stub_status is open to everybody", Worst: Warning, Needs: []need{needConfig},
	What: "A location with `stub_status` has neither allow and deny nor a password, and its server listens on more than loopback.",
	Why:  "It shows the load of the host to strangers.",
	Fix:  "`allow 127.0.0.1; deny all;`",
	look: statusExposed,
}

func statusExposed(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("stub_status") {
		b, srv := d.Parent(), d.Within("server")
		if srv == nil || len(b.Effective("deny")) > 0 || protected(b) || internal(d) || localOnly(newServer(srv, false)) {
			continue
		}
		out = append(out, blockFinding(d, Warning, "stub_status is open to everybody", "allow 127.0.0.1; deny all;"))
	}
	return out
}

// localOnly reports whether only this host can reach the server.
func localOnly(s *server) bool {
	return !slices.ContainsFunc(s.listens, func(l listen) bool {
		return l.unix == "" && !strings.HasPrefix(l.host, "127.") && l.host != "::1" && l.host != "localhost"
	})
}

var tooWide = []string{"/", "/etc", "/root", "/home", "/var", "/usr", "/proc", "/sys", "/var/lib", "/var/log"}

var ruleRootExposed = Rule{
	Code: "root-exposed", Title: "a document root is far too wide", Worst: Warning, Needs: []need{needConfig},
	What: "`root` is /, /etc, /root, /home, /var or the like.",
	Why:  "Every readable file below it can be downloaded.",
	Fix:  "Give the site a directory of its own.",
	look: rootExposed,
}

func rootExposed(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("root") {
		if slices.Contains(tooWide, path.Clean(d.Arg(0))) && !internal(d) {
			out = append(out, blockFinding(d, Warning, "root "+d.Arg(0)+" makes every readable file below it public", "give the site a directory of its own"))
		}
	}
	return out
}

var ruleHeadersMissing = Rule{
	Code: "headers-missing", Title: "a TLS site sends none of the usual protective headers", Worst: Notice, Needs: []need{needConfig},
	What: "Neither nginx's own configuration nor, as far as can be seen, anything else adds Strict-Transport-Security to a TLS server that serves files itself. Servers that proxy are left out: the app may send it.",
	Why:  "A visitor's first request can be kept on plain HTTP by whoever is on the way.",
	Fix:  "`add_header Strict-Transport-Security \"max-age=63072000\" always;`",
	look: headersMissing,
}

func headersMissing(h *host) []Finding {
	var out []Finding
	for _, s := range h.servers {
		if !s.tls || s.stream || s.catchAll() || s.refuses() || first(s.block, "return") != nil {
			continue
		}
		sends := len(find(s.block, "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "more_set_headers")) > 0
		for _, d := range slices.Concat(find(s.block, "add_header"), s.block.Effective("add_header")) {
			sends = sends || strings.EqualFold(d.Arg(0), "Strict-Transport-Security")
		}
		if !sends {
			out = append(out, Finding{
				Severity: Notice, Subject: Subject{"server", s.label()}, Sites: s.sites(), At: []Position{s.pos()},
				Message: s.label() + " does not send Strict-Transport-Security",
				Hint:    `add_header Strict-Transport-Security "max-age=63072000" always;`,
			})
		}
	}
	return out
}

var ruleVersionShown = Rule{
	Code: "version-shown", Title: "nginx shows its version", Worst: Notice, Needs: []need{needConfig},
	What: "`server_tokens` is not off.",
	Why:  "It helps nobody but scanners.",
	Fix:  "`server_tokens off;` in http.",
	look: versionShown,
}

func versionShown(h *host) []Finding {
	for _, http := range h.root.All("http") {
		if value(http, "server_tokens", "on") == "on" && len(h.servers) > 0 {
			return []Finding{{
				Severity: Notice, Subject: nginxSubject, At: []Position{position(http)},
				Message: "nginx shows its version in every answer", Hint: "server_tokens off;",
			}}
		}
	}
	return nil
}

var ruleErrorLogOff = Rule{
	Code: "error-log-off", Title: "errors are not logged", Worst: Notice, Needs: []need{needConfig},
	What: "`error_log` is /dev/null, or a file named off.",
	Why:  "When something fails there is no trace. `off` is no keyword here: nginx writes to a file of that name.",
	Fix:  "`error_log /var/log/nginx/error.log;`",
	look: errorLogOff,
}

func errorLogOff(h *host) []Finding {
	var out []Finding
	for _, d := range find(h.root, "error_log") {
		if a := d.Arg(0); a == "/dev/null" || a == "off" {
			out = append(out, blockFinding(d, Notice, "errors go to "+a, "error_log /var/log/nginx/error.log;"))
		}
	}
	return out
}

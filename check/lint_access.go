package check

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var ruleAliasTraversal = Rule{
	Code: "alias-traversal", Title: "files beside an alias can be read", Worst: Critical, Lint: true, Needs: []need{needConfig},
	What: "A prefix location without a trailing slash has an `alias` with one.",
	Why:  "`/x../secret` leaves the directory: with `location /x` and `alias /srv/x/` it reads /srv/secret.",
	Fix:  "Write `location /x/` with `alias /srv/x/`.",
	look: aliasTraversal,
}

func aliasTraversal(h *host, report func(Finding)) {
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
			report(blockFinding(d, Critical,
				fmt.Sprintf("location %s with alias %s: %s../ reads files of %s", prefix, d.Arg(0), prefix, path.Dir(path.Clean(d.Arg(0)))),
				fmt.Sprintf("location %s/ { alias %s; }", prefix, d.Arg(0))))
		}
	}
}

var ruleAllowNoDeny = Rule{
	Code: "allow-no-deny", Title: "an allow list without a deny", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "A level has `allow` lines but no `deny` for everybody else.",
	Why:  "nginx allows whatever no line decides, so everybody is allowed.",
	Fix:  "Add `deny all;` after the allow lines.",
	look: allowNoDeny,
}

func allowNoDeny(h *host, report func(Finding)) {
	h.blocks(func(b *node) {
		allow := b.All("allow")
		if len(allow) == 0 || len(b.All("deny")) > 0 || accessProtected(b) || slices.ContainsFunc(allow, func(d *node) bool { return d.Arg(0) == "all" }) {
			return
		}
		report(blockFinding(allow[0], Warning, b.Path()+" has allow but no deny, so everybody is allowed", "add deny all; after the allow lines"))
	})
}

// accessProtected reports whether something else than addresses is asked for: with
// "satisfy any" the list then only adds to it.
func accessProtected(b *node) bool {
	return value(b, "auth_basic", "off") != "off" || value(b, "auth_request", "off") != "off"
}

var ruleStatusExposed = Rule{
	Code: "status-exposed", Title: "stub_status is open to everybody", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "A location with `stub_status` is protected neither by allow and deny nor by a password, and its server listens on more than loopback.",
	Why:  "It shows strangers how busy the host is.",
	Fix:  "`allow 127.0.0.1; deny all;`",
	look: statusExposed,
}

func statusExposed(h *host, report func(Finding)) {
	for _, d := range h.httpFind("stub_status") {
		b, srv := d.Parent(), d.Within("server")
		if srv == nil || len(b.Effective("deny")) > 0 || accessProtected(b) || internal(d) || localOnly(newServer(srv, false)) {
			continue
		}
		report(blockFinding(d, Warning, "stub_status is open to everybody", "allow 127.0.0.1; deny all;"))
	}
}

// localOnly reports whether only this host can reach the server.
func localOnly(s *server) bool {
	return !slices.ContainsFunc(s.listens, func(l listen) bool {
		return l.unix == "" && !strings.HasPrefix(l.host, "127.") && l.host != "::1" && l.host != "localhost"
	})
}

var ruleRootExposed = Rule{
	Code: "root-exposed", Title: "a document root is far too wide", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "`root` is /, /etc, /root, /home, /var or the like.",
	Why:  "Every readable file below it can be downloaded.",
	Fix:  "Give the site a directory of its own.",
	look: rootExposed,
}

var tooWide = []string{"/", "/etc", "/root", "/home", "/var", "/usr", "/proc", "/sys", "/var/lib", "/var/log"}

func rootExposed(h *host, report func(Finding)) {
	for _, d := range h.httpFind("root") {
		if slices.Contains(tooWide, path.Clean(d.Arg(0))) && !internal(d) {
			report(blockFinding(d, Warning, "root "+d.Arg(0)+" makes every readable file below it public", "give the site a directory of its own"))
		}
	}
}

var ruleSSRFProxyPass = Rule{
	Code: "ssrf-proxy-pass", Title: "visitors can choose where nginx connects to", Worst: Critical, Lint: true, Needs: []need{needConfig},
	What: "The host part of `proxy_pass` comes from the request (arguments, headers, cookies or the URI), in a location that is not internal.",
	Why:  "Anybody can reach the services behind this host through it.",
	Fix:  "Map the few allowed values to upstreams, or mark the location `internal`.",
	look: ssrfProxyPass,
}

// fromVisitor is a host part that begins with what the visitor wrote.
var fromVisitor = regexp.MustCompile(`^\$\{?(http_(x_)?\w+|arg_\w+|cookie_\w+|args|query_string|request_uri|uri|document_uri)\b`)

func ssrfProxyPass(h *host, report func(Finding)) {
	for _, d := range h.httpFind("proxy_pass") {
		target := h.constant(d, d.Arg(0))
		if i := strings.Index(target, "://"); i >= 0 {
			target = target[i+3:]
		}
		target = h.constant(d, target)
		if !fromVisitor.MatchString(target) || internal(d) || strings.HasPrefix(target, "$http_host") {
			continue
		}
		report(blockFinding(d, Critical, "proxy_pass "+d.Arg(0)+" connects to wherever the visitor says", "map the allowed values to upstreams, or mark the location internal"))
	}
}

// constant follows a variable at the start of text to the set that gives it its
// value in the blocks around d.
func (h *host) constant(d *node, text string) string {
	name, ok := strings.CutPrefix(text, "$")
	if !ok {
		return text
	}
	name = strings.Trim(name, "{}")
	for _, s := range d.Effective("set") {
		if s.Arg(0) == "$"+name {
			return s.Arg(1)
		}
	}
	return text
}

func internal(d *node) bool {
	for b := d.Parent(); b != nil; b = b.Parent() {
		if b.Last("internal") != nil || b.Name() == "location" && strings.HasPrefix(b.Arg(0), "@") {
			return true
		}
	}
	return false
}

package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// blockFinding makes a finding about directive d; its subject is the place.
func blockFinding(d *node, s Severity, message, hint string) Finding {
	f := Finding{Severity: s, Subject: Subject{"file", position(d).String()}, At: []Position{position(d)}, Message: message, Hint: hint}
	if b := d.Within("server"); b != nil {
		f.Sites = newServer(b, false).sites()
	}
	return f
}

// passed are the request headers whose loss an app notices.
var passed = []string{"host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"}

// secured are the response headers whose loss a visitor may regret.
var secured = []string{
	"strict-transport-security", "content-security-policy", "x-frame-options",
	"x-content-type-options", "referrer-policy", "permissions-policy",
}

// names are the header names of a list of directives, in lower case.
func headerNames(list []*node) []string {
	var out []string
	for _, d := range list {
		out = append(out, strings.ToLower(d.Arg(0)))
	}
	return out
}

// lost are the headers that block b no longer has because it sets some itself.
func lost(b *node, directive string) []string {
	own := b.All(directive)
	if len(own) == 0 || b.Parent() == nil {
		return nil
	}
	var out []string
	mine := headerNames(own)
	for _, n := range headerNames(b.Parent().Effective(directive)) {
		if !slices.Contains(mine, n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// blocks visits every block below http.
func (h *host) blocks(visit func(*node)) {
	for _, http := range h.root.All("http") {
		walk(http, func(n *node) {
			if n.IsBlock() {
				visit(n)
			}
		})
	}
}

// proxies reports whether requests that end in block b are proxied with the
// headers that b sets.
func proxies(b *node) bool {
	if b.Last("proxy_pass") != nil {
		return true
	}
	for _, c := range b.Children() {
		if c.IsBlock() && len(c.All("proxy_set_header")) == 0 && proxies(c) {
			return true
		}
	}
	return false
}

var ruleProxyHeadersLost = Rule{
	Code: "proxy-headers-lost", Title: "a location drops the headers that its server sets", Worst: Warning, Needs: []need{needConfig},
	What: "A block that proxies has a `proxy_set_header` of its own, and so none of the outer ones: Host, X-Real-IP or X-Forwarded-* of the enclosing level are not sent. nginx inherits the list as a whole or not at all.",
	Why:  "The app sees nginx's name and address instead of the visitor's: wrong links, wrong logs, broken rate limits.",
	Fix:  "Repeat the lines in the block, or include one file with them in both places.",
	look: proxyHeadersLost,
}

func proxyHeadersLost(h *host) []Finding {
	var out []Finding
	h.blocks(func(b *node) {
		var missing []string
		for _, n := range lost(b, "proxy_set_header") {
			if slices.Contains(passed, n) {
				missing = append(missing, n)
			}
		}
		if len(missing) > 0 && proxies(b) {
			d := b.All("proxy_set_header")[0]
			out = append(out, blockFinding(d, Warning,
				fmt.Sprintf("%s sets a header and so no longer sends %s, which is set outside of it", b.Path(), strings.Join(missing, ", ")),
				"repeat the outer proxy_set_header lines here"))
		}
	})
	return out
}

var ruleAddHeaderLost = Rule{
	Code: "add-header-lost", Title: "a location drops the response headers that its server adds", Worst: Warning, Needs: []need{needConfig},
	What: "A block has an `add_header` of its own, and so none of the outer ones. It is a warning when a security header (HSTS, CSP, X-Frame-Options, X-Content-Type-Options, Referrer-Policy) is lost, a notice otherwise. Not reported under `add_header_inherit merge`.",
	Why:  "Pages of that location go out without the protection that the rest of the site has.",
	Fix:  "Repeat the lines in the block, or `add_header_inherit merge;` with nginx 1.29.3 or newer.",
	look: addHeaderLost,
}

func addHeaderLost(h *host) []Finding {
	var out []Finding
	h.blocks(func(b *node) {
		missing := lost(b, "add_header")
		if len(missing) == 0 || value(b, "add_header_inherit", "") == "merge" {
			return
		}
		severity := Notice
		var security []string
		for _, n := range missing {
			if slices.Contains(secured, n) {
				security = append(security, n)
			}
		}
		if len(security) > 0 {
			severity, missing = Warning, security
		}
		out = append(out, blockFinding(b.All("add_header")[0], severity,
			fmt.Sprintf("%s adds a header and so no longer sends %s, which is added outside of it", b.Path(), strings.Join(missing, ", ")),
			"repeat the outer add_header lines here"))
	})
	return out
}

// chosen are variables whose value the visitor writes.
var chosen = regexp.MustCompile(`\$\{?(http_host|http_x_forwarded_host|arg_\w+|cookie_\w+)\b`)

var ruleHostSpoof = Rule{
	Code: "host-spoof", Title: "the app gets a Host header of the visitor's choice", Worst: Notice, Needs: []need{needConfig},
	What: "`proxy_set_header Host` with `$http_host`, X-Forwarded-Host, an argument or a cookie.",
	Why:  "Apps build links, for instance in password mails, from it.",
	Fix:  "`proxy_set_header Host $host;` behind a default server that refuses unknown names.",
	look: hostSpoof,
}

func hostSpoof(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), "host") && chosen.MatchString(d.Arg(1)) {
			out = append(out, blockFinding(d, Notice, "the app's Host header is "+d.Arg(1)+", which the visitor chooses", "proxy_set_header Host $host;"))
		}
	}
	return out
}

// httpFind collects directives below http.
func (h *host) httpFind(names ...string) []*node {
	var out []*node
	for _, http := range h.root.All("http") {
		out = append(out, find(http, names...)...)
	}
	return out
}

var ruleXFFTrust = Rule{
	Code: "xff-trust", Title: "visitors can choose the address that the app sees", Worst: Warning, Needs: []need{needConfig},
	What: "`set_real_ip_from 0.0.0.0/0` (or ::/0), or X-Forwarded-For is passed on as the visitor sent it.",
	Why:  "Bans, rate limits and logs go by an address that anybody can make up.",
	Fix:  "`proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`, and `set_real_ip_from` with your balancer's addresses only.",
	look: xffTrust,
}

func xffTrust(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("set_real_ip_from") {
		if a := d.Arg(0); a == "0.0.0.0/0" || a == "::/0" {
			out = append(out, blockFinding(d, Warning, "set_real_ip_from "+a+" believes the address that any visitor sends", "list your balancer's addresses only"))
		}
	}
	for _, d := range h.httpFind("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), "x-forwarded-for") && d.Arg(1) == "$http_x_forwarded_for" {
			out = append(out, blockFinding(d, Warning, "X-Forwarded-For is passed on as the visitor sent it", "use $proxy_add_x_forwarded_for"))
		}
	}
	return out
}

var ruleWSBroken = Rule{
	Code: "ws-broken", Title: "an upgrade is passed on in half", Worst: Notice, Needs: []need{needConfig}, Until: Version{1, 29, 7},
	What: "A block passes the Upgrade header and not Connection, or speaks HTTP/1.0 to the app.",
	Why:  "Websockets fail or fall back to polling.",
	Fix:  "`proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`",
	look: wsBroken,
}

func wsBroken(h *host) []Finding {
	var out []Finding
	h.blocks(func(b *node) {
		headers := b.Effective("proxy_set_header")
		own := b.Last("proxy_pass")
		if own == nil || !slices.Contains(headerNames(headers), "upgrade") {
			return
		}
		why := ""
		switch {
		case !slices.Contains(headerNames(headers), "connection"):
			why = "passes Upgrade and not Connection"
		case value(b, "proxy_http_version", "1.0") == "1.0" && h.version.Known():
			why = "passes Upgrade over HTTP/1.0"
		default:
			return
		}
		out = append(out, blockFinding(own, Notice, b.Path()+" "+why, `proxy_http_version 1.1; proxy_set_header Connection "upgrade";`))
	})
	return out
}

// fromVisitor is a host part that begins with what the visitor wrote.
var fromVisitor = regexp.MustCompile(`^\$\{?(http_(x_)?\w+|arg_\w+|cookie_\w+|args|query_string|request_uri|uri|document_uri)\b`)

var ruleSSRFProxyPass = Rule{
	Code: "ssrf-proxy-pass", Title: "visitors can choose where nginx connects to", Worst: Critical, Needs: []need{needConfig},
	What: "The host part of `proxy_pass` comes from the request (arguments, headers, cookies or the URI), in a location that is not internal.",
	Why:  "Anybody can reach the services behind this host through it.",
	Fix:  "Map the few allowed values to upstreams, or mark the location `internal`.",
	look: ssrfProxyPass,
}

func ssrfProxyPass(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("proxy_pass") {
		target := h.constant(d, d.Arg(0))
		if i := strings.Index(target, "://"); i >= 0 {
			target = target[i+3:]
		}
		target = h.constant(d, target)
		if !fromVisitor.MatchString(target) || internal(d) || strings.HasPrefix(target, "$http_host") {
			continue
		}
		out = append(out, blockFinding(d, Critical, "proxy_pass "+d.Arg(0)+" connects to wherever the visitor says", "map the allowed values to upstreams, or mark the location internal"))
	}
	return out
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

var decoded = regexp.MustCompile(`\$\{?(uri|document_uri)\b`)

var ruleCRLFSplit = Rule{
	Code: "crlf-split", Title: "a decoded URI ends up in a header", Worst: Warning, Needs: []need{needConfig},
	What: "`$uri` or `$document_uri`, which nginx has decoded, stands in a redirect, `add_header` or `proxy_set_header`.",
	Why:  "A visitor can put an encoded line break into the URI and so add headers of his own.",
	Fix:  "Use `$request_uri`.",
	look: crlfSplit,
}

func crlfSplit(h *host) []Finding {
	var out []Finding
	for _, d := range h.httpFind("return", "add_header", "proxy_set_header") {
		text := d.Arg(1)
		if d.Name() == "return" {
			text = d.Arg(len(d.Args()) - 1)
			if code := d.Arg(0); len(d.Args()) == 2 && !strings.HasPrefix(code, "30") {
				continue // a body, not a header
			}
		}
		if decoded.MatchString(text) {
			out = append(out, blockFinding(d, Warning, d.String()+" puts the decoded URI into a header", "use $request_uri"))
		}
	}
	return out
}

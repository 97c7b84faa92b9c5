package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var ruleAddHeaderLost = Rule{
	Code: "add-header-lost", Title: "a location drops the response headers that its server adds", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "A block has an `add_header` of its own and therefore none of the outer ones. It is a warning when a security header (HSTS, CSP, X-Frame-Options, X-Content-Type-Options, Referrer-Policy) is lost, a notice otherwise. Not reported under `add_header_inherit merge`.",
	Why:  "Pages of that location go out without the protection that the rest of the site has.",
	Fix:  "Repeat the lines in the block, or `add_header_inherit merge;` with nginx 1.29.3 or newer.",
	look: addHeaderLost,
}

// secured are the response headers whose loss a visitor may regret.
var secured = []string{
	"strict-transport-security", "content-security-policy", "x-frame-options",
	"x-content-type-options", "referrer-policy", "permissions-policy",
}

func addHeaderLost(h *host, report func(Finding)) {
	h.blocks(func(b *node) {
		missing := lost(b, "add_header")
		if len(missing) == 0 || value(b, "add_header_inherit", "") == "merge" {
			return
		}
		severity := Notice
		if security := filter(missing, func(n string) bool { return slices.Contains(secured, n) }); len(security) > 0 {
			severity, missing = Warning, security
		}
		report(blockFinding(b.All("add_header")[0], severity,
			fmt.Sprintf("%s adds a header and so no longer sends %s, which is added outside of it", b.Path(), strings.Join(missing, ", ")),
			"repeat the outer add_header lines here"))
	})
}

var ruleHostSpoof = Rule{
	Code: "host-spoof", Title: "the app gets a Host header of the visitor's choice", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "`proxy_set_header Host` with `$http_host`, X-Forwarded-Host, an argument or a cookie.",
	Why:  "Apps build links from it, for instance in password reset mails.",
	Fix:  "`proxy_set_header Host $host;` behind a default server that refuses unknown names.",
	look: hostSpoof,
}

// chosen are variables whose value the visitor writes.
var chosen = regexp.MustCompile(`\$\{?(http_host|http_x_forwarded_host|arg_\w+|cookie_\w+)\b`)

func hostSpoof(h *host, report func(Finding)) {
	for _, d := range h.httpFind("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), "host") && chosen.MatchString(d.Arg(1)) {
			report(blockFinding(d, Notice, "the app's Host header is "+d.Arg(1)+", which the visitor chooses", "proxy_set_header Host $host;"))
		}
	}
}

var ruleXFFTrust = Rule{
	Code: "xff-trust", Title: "visitors can choose the address that the app sees", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "`set_real_ip_from` is 0.0.0.0/0 or ::/0, or X-Forwarded-For is passed on as the visitor sent it.",
	Why:  "Bans, rate limits and logs then go by an address that anybody can make up.",
	Fix:  "`proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`, and `set_real_ip_from` with your balancer's addresses only.",
	look: xffTrust,
}

func xffTrust(h *host, report func(Finding)) {
	for _, d := range h.httpFind("set_real_ip_from") {
		if a := d.Arg(0); a == "0.0.0.0/0" || a == "::/0" {
			report(blockFinding(d, Warning, "set_real_ip_from "+a+" believes the address that any visitor sends", "list your balancer's addresses only"))
		}
	}
	for _, d := range h.httpFind("proxy_set_header") {
		if strings.EqualFold(d.Arg(0), "x-forwarded-for") && d.Arg(1) == "$http_x_forwarded_for" {
			report(blockFinding(d, Warning, "X-Forwarded-For is passed on as the visitor sent it", "use $proxy_add_x_forwarded_for"))
		}
	}
}

var ruleWSBroken = Rule{
	Code: "ws-broken", Title: "an upgrade is passed on only in part", Worst: Notice, Lint: true, Needs: []need{needConfig}, Until: version{1, 29, 7},
	What: "A block passes the Upgrade header but not Connection, or speaks HTTP/1.0 to the app.",
	Why:  "Websockets fail or fall back to polling.",
	Fix:  "`proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`",
	look: wsBroken,
}

func wsBroken(h *host, report func(Finding)) {
	h.blocks(func(b *node) {
		headers := b.Effective("proxy_set_header")
		own := b.Last("proxy_pass")
		if own == nil || !slices.Contains(headerNames(headers), "upgrade") {
			return
		}
		why := ""
		switch {
		case !slices.Contains(headerNames(headers), "connection"):
			why = "passes Upgrade but not Connection"
		case value(b, "proxy_http_version", "1.0") == "1.0" && h.version.Known():
			why = "passes Upgrade over HTTP/1.0"
		default:
			return
		}
		report(blockFinding(own, Notice, b.Path()+" "+why, `proxy_http_version 1.1; proxy_set_header Connection "upgrade";`))
	})
}

var ruleCRLFSplit = Rule{
	Code: "crlf-split", Title: "a decoded URI ends up in a header", Worst: Warning, Lint: true, Needs: []need{needConfig},
	What: "A redirect, `add_header` or `proxy_set_header` uses `$uri` or `$document_uri`, which nginx has decoded.",
	Why:  "By encoding a line break in the URI a visitor can add headers.",
	Fix:  "Use `$request_uri`.",
	look: crlfSplit,
}

var decoded = regexp.MustCompile(`\$\{?(uri|document_uri)\b`)

func crlfSplit(h *host, report func(Finding)) {
	for _, d := range h.httpFind("return", "add_header", "proxy_set_header") {
		text := d.Arg(1)
		if d.Name() == "return" {
			text = d.Arg(len(d.Args()) - 1)
			if code := d.Arg(0); len(d.Args()) == 2 && !strings.HasPrefix(code, "30") {
				continue // a body, not a header
			}
		}
		if decoded.MatchString(text) {
			report(blockFinding(d, Warning, d.String()+" puts the decoded URI into a header", "use $request_uri"))
		}
	}
}

var ruleHeadersMissing = Rule{
	Code: "headers-missing", Title: "a TLS site does not send Strict-Transport-Security", Worst: Notice, Lint: true, Needs: []need{needConfig},
	What: "Nothing in the configuration adds Strict-Transport-Security to a TLS server that serves files itself. Servers that proxy are left out, since the app may send it.",
	Why:  "Whoever sits between a visitor and this host can keep the first request on plain HTTP.",
	Fix:  "`add_header Strict-Transport-Security \"max-age=63072000\" always;`",
	look: headersMissing,
}

func headersMissing(h *host, report func(Finding)) {
	for _, s := range h.servers {
		if !s.tls || s.stream || s.catchAll() || s.refuses() || first(s.block, "return") != nil {
			continue
		}
		sends := len(find(s.block, "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "more_set_headers")) > 0
		for _, d := range slices.Concat(find(s.block, "add_header"), s.block.Effective("add_header")) {
			sends = sends || strings.EqualFold(d.Arg(0), "Strict-Transport-Security")
		}
		if !sends {
			report(Finding{
				Severity: Notice, Subject: Subject{"server", s.label()}, Sites: s.sites(), At: []Position{s.pos()},
				Message: s.label() + " does not send Strict-Transport-Security",
				Hint:    `add_header Strict-Transport-Security "max-age=63072000" always;`,
			})
		}
	}
}

// headerNames are the header names of a list of directives, in lower case.
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
	outer, mine := headerNames(b.Parent().Effective(directive)), headerNames(own)
	return appendNew(nil, filter(outer, func(n string) bool { return !slices.Contains(mine, n) })...)
}

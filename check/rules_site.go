package check

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var ruleNameDuplicate = Rule{
	Code: "name-duplicate", Title: "a server name is defined twice on one address", Worst: Warning, Needs: []need{needConfig},
	What: "Two server blocks have the same name on the same listen address, in one file or in two. For names that mean nothing, such as `_`, it is a notice.",
	Why:  "nginx uses the first block and ignores the name in the second, with a warning that nobody sees.",
	Fix:  "Remove one, or give it a name of its own. The usual cause is a backup copy of a site file among the enabled sites.",
	look: nameDuplicates,
}

type nameOnAddress struct{ name, address string }

func nameDuplicates(h *host, report func(Finding)) {
	firsts := map[nameOnAddress]*server{}
	said := map[string]bool{}
	for _, s := range h.servers {
		if s.stream {
			continue
		}
		for _, l := range s.listens {
			for _, n := range s.namesOrEmpty() {
				key := nameOnAddress{n, l.key()}
				first := firsts[key]
				if first == nil {
					firsts[key] = s
					continue
				}
				id := n + position(first.block).String() + s.pos().String()
				if first == s || said[id] {
					continue
				}
				said[id] = true
				report(duplicate(n, l.key(), first, s))
			}
		}
	}
}

func duplicate(name, address string, first, second *server) Finding {
	f := Finding{
		Severity: Warning, Subject: Subject{"server", name}, Sites: []string{name},
		At:      []Position{second.pos(), first.pos()},
		Message: fmt.Sprintf("%s on %s is defined twice: nginx uses %s and ignores %s", name, address, first.pos(), second.pos()),
		Hint:    "remove one of the two",
	}
	if name == "" || strings.Trim(name, "_") == "" {
		f.Severity, f.Sites, f.Subject.Name = Notice, nil, address
		f.Message = fmt.Sprintf("two servers on %s have no name: nginx uses %s and never %s", address, first.pos(), second.pos())
	}
	if first.pos() == second.pos() {
		f.Message = fmt.Sprintf("%s on %s is defined twice: %s is included twice", name, address, first.pos().File)
	}
	return f
}

var ruleConfOrphan = Rule{
	Code: "conf-orphan", Title: "an include picks up a backup, or nothing", Worst: Warning, Needs: []need{needConfig},
	What: "A pattern such as `sites-enabled/*` matches an editor's or a package's backup (`*~`, `.bak`, `.dpkg-old`; a warning), or an include pattern other than the usual empty directories matches no file (a notice).",
	Why:  "A backup in an included directory is live configuration: it defines names twice or brings an old site back.",
	Fix:  "Move the backup out of the directory and reload nginx.",
	look: confOrphans,
}

var backup = regexp.MustCompile(`(~|\.(bak|backup|old|orig|save|rej|swp|dpkg-\w+|ucf-\w+|rpmsave|rpmnew))$`)

// usuallyEmpty are directories that packages create and that may stay empty.
var usuallyEmpty = regexp.MustCompile(`/(modules-enabled|conf\.d|sites-enabled|default\.d|stream-enabled|streams-enabled)/`)

func confOrphans(h *host, report func(Finding)) {
	for _, p := range h.included.paths {
		if !backup.MatchString(p) {
			continue
		}
		report(Finding{
			Severity: Warning, Subject: Subject{"file", p}, At: []Position{{File: p}},
			Message: p + " looks like a backup and is part of the configuration",
			Hint:    fmt.Sprintf("mv %s /root/ && %s", p, reloadHint),
		})
	}
	for _, pattern := range h.included.patterns {
		if found, err := h.env.FS.Glob(pattern); err != nil || len(found) > 0 || usuallyEmpty.MatchString(pattern) {
			continue
		}
		report(Finding{
			Severity: Notice, Subject: Subject{"file", pattern},
			Message: fmt.Sprintf("the include pattern %s matches no file in %s", filepath.Base(pattern), filepath.Dir(pattern)),
			Hint:    "remove the include if nothing is meant to be there",
		})
	}
}

var ruleProxyHeadersLost = Rule{
	Code: "proxy-headers-lost", Title: "a location drops the request headers that its server sets", Worst: Warning, Needs: []need{needConfig},
	What: "A block that proxies has a `proxy_set_header` of its own and therefore none of the outer ones: Host, X-Real-IP or X-Forwarded-* of the enclosing level are not sent. nginx inherits the list as a whole or not at all.",
	Why:  "The app sees nginx's name and address instead of the visitor's: wrong links, wrong logs, broken rate limits.",
	Fix:  "Repeat the lines in the block, or include one file with them in both places.",
	look: proxyHeadersLost,
}

// passed are the request headers whose loss an app notices.
var passed = []string{"host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"}

func proxyHeadersLost(h *host, report func(Finding)) {
	h.blocks(func(b *node) {
		missing := filter(lost(b, "proxy_set_header"), func(n string) bool { return slices.Contains(passed, n) })
		if len(missing) > 0 && proxies(b) {
			d := b.All("proxy_set_header")[0]
			report(blockFinding(d, Warning,
				fmt.Sprintf("%s sets a header and so no longer sends %s, which is set outside of it", b.Path(), strings.Join(missing, ", ")),
				"repeat the outer proxy_set_header lines here"))
		}
	})
}

// proxies reports whether requests that end in block b are proxied with the
// headers that b sets.
func proxies(b *node) bool {
	return b.Last("proxy_pass") != nil || slices.ContainsFunc(b.Children(), func(c *node) bool {
		return c.IsBlock() && len(c.All("proxy_set_header")) == 0 && proxies(c)
	})
}

package check

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

type nameOnAddress struct{ name, address string }

var ruleNameDuplicate = Rule{
	Code: "name-duplicate", Title: "a server name is defined twice on one address", Worst: Warning, Needs: []need{needConfig},
	What: "Two server blocks have the same name on the same listen address, in one file or in two. Names that mean nothing, such as `_`, are a notice.",
	Why:  "nginx uses the first and ignores the name in the second, with a warning that nobody sees.",
	Fix:  "Remove one, or give it its own name. An enabled backup copy of a site file is a usual cause.",
	look: nameDuplicates,
}

func nameDuplicates(h *host) []Finding {
	var out []Finding
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
				out = append(out, duplicate(n, l.key(), first, s))
			}
		}
	}
	return out
}

// namesOrEmpty is how nginx sees a server without server_name.
func (s *server) namesOrEmpty() []string {
	if len(s.names) == 0 {
		return []string{""}
	}
	return s.names
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

var ruleNameDefaultMissing = Rule{
	Code: "name-default-missing", Title: "an address for TLS has no explicit default server", Worst: Notice, Needs: []need{needConfig},
	What: "No block on the address is marked `default_server`, so the first in the order of the files answers for names that nobody defined.",
	Why:  "Which site a stranger's name reaches depends on file names.",
	Fix:  "Add a server with `listen 443 ssl default_server; ssl_reject_handshake on;`.",
	look: defaultMissing,
}

func defaultMissing(h *host) []Finding {
	var out []Finding
	count, hasDefault, example := map[string]int{}, map[string]bool{}, map[string]*server{}
	var order []string
	for _, s := range h.servers {
		for _, l := range s.listens {
			if !l.ssl || s.stream {
				continue
			}
			k := l.key()
			if count[k]++; count[k] == 1 {
				example[k] = s
				order = append(order, k)
			}
			hasDefault[k] = hasDefault[k] || l.def
		}
	}
	for _, k := range order {
		if hasDefault[k] || count[k] < 2 {
			continue
		}
		out = append(out, Finding{
			Severity: Notice, Subject: Subject{"address", k}, At: []Position{example[k].pos()},
			Message: fmt.Sprintf("no server on %s is the default_server, so %s answers for unknown names", k, example[k].label()),
			Hint:    "add a server with listen ... ssl default_server; ssl_reject_handshake on;",
		})
	}
	return out
}

var backup = regexp.MustCompile(`(~|\.(bak|backup|old|orig|save|rej|swp|dpkg-\w+|ucf-\w+|rpmsave|rpmnew))$`)

// usuallyEmpty are directories that packages create and that may stay empty.
var usuallyEmpty = regexp.MustCompile(`/(modules-enabled|conf\.d|sites-enabled|default\.d|stream-enabled|streams-enabled)/`)

var ruleConfOrphan = Rule{
	Code: "conf-orphan", Title: "an include picks up a backup, or nothing", Worst: Warning, Needs: []need{needConfig},
	What: "A pattern such as `sites-enabled/*` matches an editor's or a package's backup (`*~`, `.bak`, `.dpkg-old`; a warning), or an include pattern other than the usual empty directories matches no file (a notice).",
	Why:  "A backup in an included directory is live configuration: it doubles names or brings an old site back.",
	Fix:  "Move the backup out of the directory and reload nginx.",
	look: confOrphans,
}

func confOrphans(h *host) []Finding {
	var out []Finding
	for _, p := range h.included.paths {
		if !backup.MatchString(p) {
			continue
		}
		out = append(out, Finding{
			Severity: Warning, Subject: Subject{"file", p}, At: []Position{{File: p}},
			Message: p + " looks like a backup and is part of the configuration",
			Hint:    fmt.Sprintf("mv %s /root/ && %s", p, reloadHint),
		})
	}
	for _, pattern := range h.included.patterns {
		if found, err := h.env.FS.Glob(pattern); err != nil || len(found) > 0 || usuallyEmpty.MatchString(pattern) {
			continue
		}
		out = append(out, Finding{
			Severity: Notice, Subject: Subject{"file", pattern},
			Message: fmt.Sprintf("the include pattern %s matches no file in %s", filepath.Base(pattern), filepath.Dir(pattern)),
			Hint:    "remove the include if nothing is meant to be there",
		})
	}
	return out
}

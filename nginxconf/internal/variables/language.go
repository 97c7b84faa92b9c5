package variables

import (
	"regexp"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/regular"
)

// onlyURI reports whether a text goes on with nothing but the URI part, whatever
// comes in front of it and behind.
func (c *Variables) onlyURI(at *config.Node, before []Value, text string) bool {
	if !slices.ContainsFunc(before, func(v Value) bool { return !inURI(v) }) {
		return true
	}
	l, err := c.Language(at, text)
	return err == nil && l.StartsIn("/?") && !l.Has("", "")
}

// maxDepth bounds how far variables are followed into each other's values.
const maxDepth = 4

// startsURI reports whether what a text stands for is always empty or begins
// with a slash or a question mark, whatever the request: behind a host and port
// it is then the URI, and cannot change them.
func (c *Variables) startsURI(at *config.Node, text string) bool {
	l, err := c.Language(at, text)
	return err == nil && l.StartsIn("/?")
}

// Language is everything that a text with variables can be at a directive. It can
// have more than that, never less.
func (c *Variables) Language(at *config.Node, text string) (regular.Language, error) {
	return regular.Compile(c.language(at, text, 0))
}

// language is Language as an expression.
func (c *Variables) language(at *config.Node, text string, depth int) string {
	var b strings.Builder
	for n, name := 0, ""; text != ""; text = text[n:] {
		n, name = reference(text)
		switch _, next := reference(text[n:]); {
		case name == "":
			b.WriteString(regexp.QuoteMeta(text[:n]))
		case name == "is_args" && (next == "args" || next == "query_string"):
			m, _ := reference(text[n:])
			n += m
			b.WriteString(`(?s:\?.*)?`) // without arguments both are empty
		default:
			b.WriteString("(?:" + c.variableLanguage(at, name, depth) + ")")
		}
	}
	return b.String()
}

// variableLanguage is language for one variable.
func (c *Variables) variableLanguage(at *config.Node, name string, depth int) string {
	if depth > maxDepth || c.inLua(name) {
		return regular.Any
	}
	if len(name) == 1 && name[0] >= '1' && name[0] <= '9' {
		return c.capture(at, name)
	}
	var parts []string
	definitions := c.definitionsAt(at, name)
	captures := slices.DeleteFunc(slices.Clone(definitions), isTable)
	for _, d := range definitions {
		if isTable(d) {
			parts = append(parts, c.tableLanguage(d, depth))
		}
	}
	sets := c.reaching(at, name)
	for _, s := range sets.sets {
		parts = append(parts, c.language(s, s.Arg(1), depth+1))
	}
	switch {
	case len(captures) > 0:
		parts = append(parts, c.namedCapture(at, name, captures))
	case len(parts) == 0:
		return c.builtin(at, name)
	case sets.unset && len(definitions) == 0:
		parts = append(parts, "")
	}
	return strings.Join(parts, "|")
}

func (c *Variables) tableLanguage(table *config.Node, depth int) string {
	var parts []string
	for _, row := range rows(table) {
		parts = append(parts, c.language(row, row.Arg(0), depth+1))
	}
	if !hasDefault(table) {
		parts = append(parts, "")
	}
	return strings.Join(parts, "|")
}

// builtin is the language of nginx's own variables.
func (c *Variables) builtin(at *config.Node, name string) string {
	switch name {
	case "request_uri":
		return `(?s:[/?].*)`
	case "uri", "document_uri":
		if server := at.Within("server"); server != nil && c.keepsSlash(server) {
			return `(?s:/.*)`
		}
	case "is_args":
		return `\??`
	case "scheme":
		return "https?"
	case "host": // without a port
		return hostName
	case "server_port":
		return "[0-9]*"
	}
	return regular.Any
}

// keepsSlash reports whether every URI that a server's rewrites make begins
// with a slash, as that of a request does.
func (c *Variables) keepsSlash(server *config.Node) bool {
	if c.inLua("set_uri") {
		return false
	}
	for _, n := range c.patterns[server] {
		if n.Name() != "rewrite" {
			continue
		}
		to := n.Arg(1)
		redirects := strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "$scheme")
		if !redirects && !strings.HasPrefix(to, "/") && !c.startsURI(n, to) {
			return false
		}
	}
	return true
}

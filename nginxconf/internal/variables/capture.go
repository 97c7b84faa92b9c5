package variables

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/regular"
)

// hostName is what the name of a host can be without its port.
const (
	hostName  = `\[[0-9a-f:.]*\]|[^:/?\[\]]*`
	hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
)

// capture is the language of $1 and its like at a directive: those of the
// regular expression that was matched last.
func (c *Variables) capture(at *config.Node, number string) string {
	if isTable(at.Parent()) || at.Name() == "rewrite" {
		return group(pattern(at), number, true)
	}
	var parts []string
	exprs, certain := c.matchedBefore(at)
	if !certain {
		for _, n := range c.patterns[at.Within("server")] {
			if n.Name() == "server_name" {
				for _, e := range patterns(n) {
					parts = append(parts, hostGroup(e, number))
				}
				continue
			}
			exprs = append(exprs, patterns(n)...)
		}
	}
	for _, e := range exprs {
		parts = append(parts, group(e, number, certain && len(exprs) == 1))
	}
	for _, m := range c.patternMaps {
		if name := definedVariable(m); c.early[variable{at.Within("server"), name}] || c.early[variable{nil, name}] {
			for _, row := range rows(m) {
				parts = append(parts, group(pattern(row), number, false))
			}
		}
	}
	return strings.Join(parts, "|")
}

// matchedBefore returns the expressions of which one was matched last before a
// directive in its location, and whether no others come into question.
func (c *Variables) matchedBefore(at *config.Node) (exprs []string, certain bool) {
	if set := at.Name() == "set"; !set {
		for n := at; n.Name() != "location" && n.Parent() != nil; n = n.Parent() {
			exprs = append(exprs, c.patternsIn(n.Parent(), nil)...)
		}
	} else {
		exprs = c.patternsIn(at.Parent(), at)
		for n := at.Parent(); n.Name() == "if"; n = n.Parent() {
			if len(exprs) == 0 && pattern(n) != "" && !strings.Contains(n.String(), "!~") {
				return []string{pattern(n)}, true
			}
			exprs = append(exprs, c.patternsIn(n.Parent(), nil)...)
		}
	}
	h := config.DefiningBlock(at)
	if h.Name() == "location" && pattern(h) != "" {
		return append(exprs, pattern(h)), true
	}
	return exprs, false
}

// patternsIn returns the expressions that a block matches requests with before
// a directive, nil for its end.
func (c *Variables) patternsIn(block, before *config.Node) []string {
	var out []string
	for _, n := range c.rewrites[block] {
		if n == before {
			break
		}
		if e := pattern(n); e != "" {
			out = append(out, e)
		}
		if n.Name() == "if" {
			out = append(out, c.patternsIn(n, nil)...)
		}
	}
	return out
}

// namedCapture is the language of a variable that regular expressions give its
// value. In a location whose own expression does that, it is that group.
func (c *Variables) namedCapture(at *config.Node, name string, by []*config.Node) string {
	if h := config.DefiningBlock(at); h != nil && slices.Contains(by, h) && !slices.ContainsFunc(by, func(n *config.Node) bool { return n != h && config.Inside(n, h) }) {
		return group(pattern(h), name, true)
	}
	parts := []string{""}
	for _, n := range by {
		exprs := patterns(n)
		if len(exprs) == 0 {
			return regular.Any
		}
		for _, e := range exprs {
			if n.Name() == "server_name" {
				parts = append(parts, hostGroup(e, name))
			} else {
				parts = append(parts, group(e, name, false))
			}
		}
	}
	return strings.Join(parts, "|")
}

// hostGroup is group for an expression that is matched with the name of the
// host, in which there is no port.
func hostGroup(expr, name string) string {
	g := group(expr, name, false)
	if l, err := regular.Compile(g); err != nil || l.HasNumbers("") || !l.StartsIn(hostChars) {
		return hostName
	}
	return g
}

// group returns what a group of an expression can be; it is empty when it took
// no part in the match, or there was none.
func group(expr, name string, matched bool) string {
	g, always := regular.Group(expr, name)
	if g == "" {
		return ""
	}
	if always && matched {
		return "(?:" + g + ")"
	}
	return "(?:" + g + ")?"
}

// patterns returns the regular expressions that a directive matches something
// with.
func patterns(n *config.Node) []string {
	if n.Name() != "server_name" {
		return nonEmpty(pattern(n))
	}
	var out []string
	for _, name := range n.Args() {
		out = append(out, nonEmpty(Expression(name))...)
	}
	return out
}

// pattern returns the one regular expression of a location, a rewrite, an if or
// a row of a map, "" if it has none.
func pattern(n *config.Node) string {
	switch n.Name() {
	case "rewrite":
		return n.Arg(0)
	case "location":
		if op := n.Arg(0); len(n.Args()) == 2 && (op == "~" || op == "~*") {
			return n.Arg(1)
		}
		return Expression(n.Arg(0))
	case "if":
		text := strings.TrimSuffix(strings.TrimPrefix(strings.Join(n.Args(), " "), "("), ")")
		for _, op := range []string{" !~* ", " !~ ", " ~* ", " ~ "} {
			if _, expr, found := strings.Cut(text, op); found {
				return strings.TrimSpace(expr)
			}
		}
		return ""
	}
	return Expression(n.Name())
}

// Expression is the part behind a tilde.
func Expression(word string) string {
	expr, found := strings.CutPrefix(word, "~")
	if !found {
		return ""
	}
	return strings.TrimPrefix(expr, "*")
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

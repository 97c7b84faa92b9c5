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
	if n := at.Parent(); n != nil && isTable(n) {
		return group(pattern(at), number, true)
	}
	if at.Name() == "rewrite" {
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

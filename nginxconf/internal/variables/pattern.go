package variables

import (
	"strings"

	"edgeman/nginxconf/internal/config"
)

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

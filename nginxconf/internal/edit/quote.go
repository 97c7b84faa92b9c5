package edit

import (
	"strings"

	"edgeman/nginxconf/internal/config"
)

// Raw returns a directive's argument as written, quotes included.
func Raw(n *config.Node, arg int) string {
	t := n.Directive().Arg(arg)
	return string(n.Directive().File.Src[t.Start:t.End])
}

// Quote writes a value so that nginx reads exactly it, or fails when only an
// odd spelling could do that.
func Quote(value string) (string, bool) {
	for _, c := range []byte(value) {
		if c < ' ' || c == 0x7f || c == '\\' || c == '$' {
			return "", false
		}
	}
	if value != "" && !strings.ContainsAny(value, " ;{}'\"#") {
		return value, true
	}
	for _, q := range []string{`"`, `'`} {
		if !strings.Contains(value, q) {
			return q + value + q, true
		}
	}
	return "", false
}

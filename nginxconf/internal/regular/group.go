package regular

import (
	"regexp/syntax"
	"strconv"
)

// Group returns the expression of a capture group, given by number or name, and
// whether the group takes part in every match. It returns "" for a group that
// is not there, and Any when the expression is not understood.
func Group(expr, name string) (group string, always bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return Any, false
	}
	g, always := find(re, name, true)
	if g == nil {
		return "", false
	}
	return g.Sub[0].String(), always
}

func find(re *syntax.Regexp, name string, always bool) (*syntax.Regexp, bool) {
	if re.Op == syntax.OpCapture && (re.Name == name || strconv.Itoa(re.Cap) == name) {
		return re, always
	}
	switch re.Op {
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
	default:
		always = false
	}
	for _, sub := range re.Sub {
		if g, always := find(sub, name, always); g != nil {
			return g, always
		}
	}
	return nil, false
}

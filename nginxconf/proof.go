package nginxconf

import (
	"slices"
	"strings"

	"edgeman/nginxconf/internal/lex"
)

// prove reads the configuration as it will be and checks that the edited uses
// end at the socket and that every other pass goes where it went.
func (p *planner) prove(plan *Plan) error {
	after := map[string][]byte{}
	for _, f := range plan.Files {
		after[f.Path] = f.After
	}
	next, err := p.c.With(after)
	if err != nil {
		return refuse(Pos{}, "please report this", "the edited configuration is not readable: %v", err)
	}
	if len(next.passes) != len(p.c.passes) {
		return refuse(Pos{}, "please report this", "the edit would change the number of pass directives")
	}
	for i, pass := range p.c.passes {
		was, is := p.c.routes(pass), next.routes(next.passes[i])
		if !p.sameRoutes(was, is, p.ours[pass]) {
			return refuse(pass.Pos(), "please report this", "after the edit %q would not go where it should", pass)
		}
	}
	return nil
}

// sameRoutes compares the addresses of one pass before and after: those of the
// target become the socket in a pass of the plan, all others stay.
func (p *planner) sameRoutes(was, is []route, ours bool) bool {
	if len(was) != len(is) {
		return false
	}
	socket := "unix:" + p.o.Socket
	for i := range was {
		switch before, after := p.c.placeOf(was[i]), p.c.placeOf(is[i]); {
		case ours && slices.Contains(p.t.Places, before) && after != socket:
			return false
		case after == socket:
			if !slices.Contains(p.t.Places, before) {
				return false
			}
		case strings.HasPrefix(before, "opaque:") != strings.HasPrefix(after, "opaque:"):
			return false
		case !strings.HasPrefix(before, "opaque:") && before != after:
			return false
		}
	}
	return true
}

// sameTokens proves that two versions of a file differ, outside the edits, in
// nothing that nginx reads: every token outside is there, in order, unchanged.
func sameTokens(before, after []byte, edits []Edit) bool {
	a, err := lex.Scan(before)
	if err != nil {
		return false
	}
	b, err := lex.Scan(after)
	if err != nil {
		return false
	}
	return slices.Equal(outside(before, a, edits, false), outside(after, b, edits, true))
}

// outside returns the words and marks of a file that no edit touches. For the
// edited file the spans of the edits are moved to where they ended up.
func outside(src []byte, tokens []lex.Token, edits []Edit, moved bool) []string {
	var out []string
	shift, next := 0, 0
	for _, t := range tokens {
		if t.Kind == lex.Space || t.Kind == lex.Comment {
			continue
		}
		for next < len(edits) {
			start, end := span(edits[next], shift, moved)
			if int(t.Start) < end || (start == end && int(t.Start) < start) {
				break
			}
			if moved {
				shift += len(edits[next].New) - (edits[next].End - edits[next].Start)
			}
			next++
		}
		if next < len(edits) {
			if start, end := span(edits[next], shift, moved); start < end && int(t.End) > start && int(t.Start) < end {
				continue
			}
		}
		out = append(out, string(src[t.Start:t.End]))
	}
	return out
}

func span(e Edit, shift int, moved bool) (start, end int) {
	if moved {
		return e.Start + shift, e.Start + shift + len(e.New)
	}
	return e.Start, e.End
}

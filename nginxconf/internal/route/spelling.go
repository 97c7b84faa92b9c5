package route

import (
	"strings"

	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/variables"
)

// locate finds the piece that holds the whole address, so that it can be
// edited. When the pass can have one value only, it can be edited itself as well.
// Otherwise the route stays readable but not editable.
func (r *Route) locate(v variables.Value, single bool) {
	a := r.Addr
	pos := 0
	own := &spelling{From: -1}
	for _, p := range v.Pieces {
		end := pos + len(p.Text)
		whole := p.At != r.Pass
		if a.Start >= pos && a.End <= end && p.At != nil {
			r.At, r.Arg = p.At, p.Arg
			r.Addr.Start += p.From - pos
			r.Addr.End += p.From - pos
		}
		switch {
		case end <= a.Start || pos >= a.End:
			own.Variables = own.Variables || whole
		case whole:
			own.Before += p.Text[:max(0, a.Start-pos)]
			own.After += p.Text[min(len(p.Text), max(0, a.End-pos)):]
			own.take(p.PassFrom, p.PassTo)
		default:
			own.take(p.PassFrom+max(0, a.Start-pos), p.PassTo-max(0, end-a.End))
		}
		pos = end
	}
	own.Variables = own.Variables || strings.Contains(a.URI, "$")
	if single && own.From >= 0 && !strings.ContainsFunc(own.Before+own.After, lex.NeedsQuotes) {
		r.Own = own
	}
}

// spelling is the part of a pass's argument that its host and port come from:
// the bytes [from, to), and what else the variables there stand for.
type spelling struct {
	From, To      int
	Before, After string
	Variables     bool // there are others outside of it
}

func (s *spelling) take(from, to int) {
	if s.From < 0 {
		s.From = from
	}
	s.To = to
}

package edit

import (
	"slices"

	"edgeman/nginxconf/internal/lex"
)

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

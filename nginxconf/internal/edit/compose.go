package edit

import (
	"slices"
	"strings"
)

// Then is the edit of a file that first makes, and then second on what first has
// left, as one edit of the file as it was. Edits of the two that touch become one.
func Then(first, second FileEdit) FileEdit {
	out := FileEdit{
		Path: first.Path, Before: first.Before, BeforeSum: first.BeforeSum, After: second.After, AfterSum: second.AfterSum,
	}
	grown := 0 // by the edits of first so far
	for _, c := range touching(first.Edits, second.Edits) {
		e := c.edits[0]
		e.Start, e.New = c.start-grown, string(apply(first.After[:c.end], c.later)[c.start:])
		grown += c.grown
		e.End = c.end - grown
		e.Why = joinDistinct(c.edits, func(e Edit) string { return e.Why })
		e.In = joinDistinct(c.edits, func(e Edit) string { return e.In })
		out.Edits = append(out.Edits, e)
	}
	return out
}

// cluster are edits that touch, at [start, end) of the file between the two: what
// the earlier ones have put there, and what the later ones replace.
type cluster struct {
	start, end int
	grown      int // by the earlier ones
	edits      []Edit
	later      []Edit
}

// touching sorts the edits into clusters, in the order of the file.
func touching(earlier, later []Edit) (out []cluster) {
	var all []cluster
	shift := 0
	for _, e := range earlier {
		grown := len(e.New) - (e.End - e.Start)
		all = append(all, cluster{start: e.Start + shift, end: e.Start + shift + len(e.New), grown: grown, edits: []Edit{e}})
		shift += grown
	}
	for _, e := range later {
		all = append(all, cluster{start: e.Start, end: e.End, edits: []Edit{e}, later: []Edit{e}})
	}
	slices.SortStableFunc(all, func(a, b cluster) int { return a.start - b.start })
	for _, c := range all {
		if k := len(out) - 1; k >= 0 && c.start <= out[k].end {
			last := &out[k]
			last.end, last.grown = max(last.end, c.end), last.grown+c.grown
			last.edits, last.later = append(last.edits, c.edits...), append(last.later, c.later...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// joinDistinct is what of tells of the edits, without repetitions.
func joinDistinct(edits []Edit, of func(Edit) string) string {
	var all []string
	for _, e := range edits {
		if s := of(e); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return strings.Join(all, "; ")
}

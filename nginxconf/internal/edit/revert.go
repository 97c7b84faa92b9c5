package edit

import (
	"bytes"
	"strings"

	"edgeman/nginxconf/internal/config"
)

// Revert takes the edits of fe back in a file that now holds current. If the
// file is what the plan made it, the result is the original byte for byte. If
// it was changed since, only the edits are taken back. The error is a *Refusal
// when one of them is not there any more as it was made.
func (fe FileEdit) Revert(current []byte) ([]byte, error) {
	out, gone, err := fe.TakeBack(current)
	if err == nil && len(gone) > 0 {
		err = config.Refuse(config.Pos{File: fe.Path}, "take the lines back by hand: the edit was\n"+fe.Diff(),
			"the file was changed since, in the lines that were edited")
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// TakeBack is Revert for a file in which somebody may have dealt with some of
// the edits already: those are left alone, and returned.
func (fe FileEdit) TakeBack(current []byte) (out []byte, gone []Edit, err error) {
	if !fe.whole() {
		return nil, nil, config.Refuse(config.Pos{File: fe.Path}, "", "the stored edit is damaged")
	}
	if bytes.Equal(current, fe.After) || bytes.Equal(current, fe.Before) {
		return bytes.Clone(fe.Before), nil, nil
	}
	var back []Edit
	v := compare(fe.After, current)
	for _, c := range fe.changes() {
		at, found := v.find(c.after, c.end)
		if !found {
			gone = append(gone, c.edits...)
			continue
		}
		back = append(back, Edit{Start: at, End: at + c.end - c.after, New: string(c.old)})
	}
	sortEdits(back)
	if overlap(back) {
		return nil, nil, config.Refuse(config.Pos{File: fe.Path}, "take the lines back by hand: the edit was\n"+fe.Diff(),
			"the file was changed since, and what of it was edited cannot be told apart")
	}
	return apply(current, back), gone, nil
}

// whole reports whether a stored edit is as it was stored.
func (fe FileEdit) whole() bool {
	if sum(fe.Before) != fe.BeforeSum || sum(fe.After) != fe.AfterSum {
		return false
	}
	at := 0
	for _, e := range fe.Edits {
		if e.Start < at || e.End < e.Start || e.End > len(fe.Before) {
			return false
		}
		at = e.End
	}
	return bytes.Equal(apply(fe.Before, fe.Edits), fe.After)
}

// change is one edit as it stands in the edited file, at [after, end), in the
// place of old. It is several edits where they touch, because one without the
// other may not be a line, and where one of them only takes text away: such an
// edit is known by the lines around it.
type change struct {
	after, end int
	old        []byte
	edits      []Edit
}

func (fe FileEdit) changes() []change {
	var out []change
	grown := 0 // by the edits before
	for i := 0; i < len(fe.Edits); i++ {
		first, last := fe.Edits[i], fe.Edits[i]
		from, to := first.Start, last.End
		n := 1
		if strings.TrimSpace(first.New) == "" {
			from, to = lineStart(fe.Before, max(0, lineStart(fe.Before, from)-1)), nextLine(fe.Before, nextLine(fe.Before, to))
		}
		for ; i+n < len(fe.Edits) && fe.Edits[i+n].Start <= to; n++ {
			to = max(to, fe.Edits[i+n].End)
		}
		if k := len(out) - 1; k >= 0 && from < fe.Edits[i-1].End {
			from = fe.Edits[i-1].End
		}
		c := change{after: from + grown, old: fe.Before[from:to], edits: fe.Edits[i : i+n]}
		for _, e := range c.edits {
			grown += len(e.New) - (e.End - e.Start)
		}
		c.end = to + grown
		out = append(out, c)
		i += n - 1
	}
	return out
}

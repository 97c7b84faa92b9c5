package nginxconf

import (
	"crypto/sha256"
	"encoding/hex"

	"edgeman/nginxconf/internal/tree"
)

// build turns wishes into file edits and proves each file.
func (p *planner) build() (*Plan, error) {
	plan := &Plan{Notes: p.notes, Stays: p.stays, Losses: p.losses}
	byFile := map[*tree.File][]Edit{}
	for _, w := range p.wishes.list {
		byFile[w.file] = append(byFile[w.file], w.Edit)
	}
	for _, path := range p.c.order {
		f := p.c.files[path]
		if byFile[f] == nil {
			continue
		}
		fe, err := fileEdit(f, byFile[f])
		if err != nil {
			return nil, err
		}
		plan.Files = append(plan.Files, fe)
	}
	plan.Files = p.order(plan.Files)
	return plan, nil
}

func fileEdit(f *tree.File, edits []Edit) (FileEdit, error) {
	sortEdits(edits)
	joinInsertions(edits)
	after := apply(f.Src, edits)
	fe := FileEdit{Path: f.Path, Before: f.Src, After: after, BeforeSum: sum(f.Src), AfterSum: sum(after), Edits: edits}
	if overlap(edits) || !sameTokens(f.Src, after, edits) {
		return fe, refuse(Pos{File: f.Path}, "please report this", "the edit would change more than planned")
	}
	return fe, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

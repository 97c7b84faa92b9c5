package nginxconf

import (
	"crypto/sha256"
	"encoding/hex"

	"edgeman/nginxconf/internal/tree"
)

// build turns the pending edits into file edits and proves each file.
func (p *planner) build() (*Plan, error) {
	plan := &Plan{Notes: p.notes, Stays: p.stays, Losses: p.losses}
	files, err := p.pending.files(p.c.Files())
	plan.Files = p.order(files)
	return plan, err
}

// files returns the edits of each file, in the order of the paths.
func (w *pendingEdits) files(paths []string) ([]FileEdit, error) {
	files, edits := map[string]*tree.File{}, map[string][]Edit{}
	for _, e := range w.list {
		path := e.file.Path
		files[path], edits[path] = e.file, append(edits[path], e.Edit)
	}
	var out []FileEdit
	for _, path := range paths {
		if files[path] == nil {
			continue
		}
		fe, err := fileEdit(files[path], edits[path])
		if err != nil {
			return nil, err
		}
		out = append(out, fe)
	}
	return out, nil
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

package plan

import (
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/edit"
)

// order sorts the files of a plan so that nginx may be loaded after each of
// them, and answers as before: what others name is defined, and what they derive
// from the address is written out, before they are led elsewhere. Where each of
// two files waits for the other, the order is that in which nginx reads them.
func (p *planner) order(files []edit.FileEdit) []edit.FileEdit {
	var out []edit.FileEdit
	for len(files) > 0 {
		free := func(f edit.FileEdit) bool {
			return !slices.ContainsFunc(files, func(g edit.FileEdit) bool { return g.Path != f.Path && p.precedes(g, f) })
		}
		next := max(0, slices.IndexFunc(files, free))
		out = append(out, files[next])
		files = slices.Concat(files[:next], files[next+1:])
	}
	return out
}

// precedes reports whether g has something that passes need that an edit in f
// leads to the socket.
func (p *planner) precedes(g, f edit.FileEdit) bool {
	if definesUpstream(g) != definesUpstream(f) {
		return definesUpstream(g)
	}
	return slices.ContainsFunc(p.pending.AskedBy(g.Path), func(by *config.Node) bool {
		return slices.ContainsFunc(p.led[f.Path], func(pass *config.Node) bool { return concernsPass(by, pass) })
	})
}

// concernsPass reports whether what is written for a node may hold for a pass.
func concernsPass(by, pass *config.Node) bool {
	if !by.IsBlock() {
		by = by.Parent()
	}
	return config.Inside(pass, by)
}

// definesUpstream reports whether a file gets what the others may name, an upstream.
func definesUpstream(fe edit.FileEdit) bool {
	return slices.ContainsFunc(fe.Edits, func(e edit.Edit) bool { return e.In == "http" && e.Start == e.End })
}

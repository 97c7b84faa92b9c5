package nginxconf

import "slices"

// order sorts the files of a plan so that nginx may be loaded after each of
// them, and answers as before: what others name is defined, and what they derive
// from the address is written out, before they are led elsewhere. Where each of
// two files waits for the other, the order is that in which nginx reads them.
func (p *planner) order(files []FileEdit) []FileEdit {
	var out []FileEdit
	for len(files) > 0 {
		free := func(f FileEdit) bool {
			return !slices.ContainsFunc(files, func(g FileEdit) bool { return g.Path != f.Path && p.precedes(g, f) })
		}
		next := max(0, slices.IndexFunc(files, free))
		out = append(out, files[next])
		files = slices.Concat(files[:next], files[next+1:])
	}
	return out
}

// precedes reports whether g has something that passes need that an edit in f
// leads to the socket.
func (p *planner) precedes(g, f FileEdit) bool {
	if defines(g) != defines(f) {
		return defines(g)
	}
	return slices.ContainsFunc(p.pending.AskedBy(g.Path), func(by *Node) bool {
		return slices.ContainsFunc(p.led[f.Path], func(pass *Node) bool { return concerns(by, pass) })
	})
}

// concerns reports whether what is written for a node may hold for a pass.
func concerns(by, pass *Node) bool {
	if !by.IsBlock() {
		by = by.parent
	}
	return within(pass, by)
}

// defines reports whether a file gets what the others may name, an upstream.
func defines(fe FileEdit) bool {
	return slices.ContainsFunc(fe.Edits, func(e Edit) bool { return e.In == "http" && e.Start == e.End })
}

// leads notes in which files the address of a pass is edited.
func (p *planner) leads(r route) {
	files := []string{edited(r).File.Path}
	if r.own != nil { // perhaps there instead
		files = append(files, r.pass.dir.File.Path)
	}
	for _, f := range files {
		p.led[f] = append(p.led[f], r.pass)
	}
}

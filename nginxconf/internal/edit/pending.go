package edit

import (
	"maps"
	"slices"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/tree"
)

// pendingEdit is an edit together with the contexts that ask for it. A file that is
// included several times may be edited only if all its contexts ask alike.
type pendingEdit struct {
	file *tree.File
	Edit
	by map[*config.Node]bool
}

// Pending are the edits of a plan that is being made.
type Pending struct {
	list []*pendingEdit
	seen map[pendingKey]*pendingEdit
}

type pendingKey struct {
	file       *tree.File
	start, end int
	text       string
}

func (w *Pending) add(by *config.Node, file *tree.File, e Edit) {
	key := pendingKey{file, e.Start, e.End, e.New}
	if old := w.seen[key]; old != nil {
		old.by[by] = true
		return
	}
	if w.seen == nil {
		w.seen = map[pendingKey]*pendingEdit{}
	}
	w.seen[key] = &pendingEdit{file: file, Edit: e, by: map[*config.Node]bool{by: true}}
	w.list = append(w.list, w.seen[key])
}

// Shared refuses an edit in a file that is included where it would be wrong;
// included tells how often a file is.
func (w *Pending) Shared(included func(path string) int) error {
	for _, e := range w.list {
		if n := included(e.file.Path); len(e.by) != n {
			line, column := e.file.LineAt(e.Start)
			return config.Refuse(config.Pos{File: e.file.Path, Line: line, Column: column},
				"give the site a copy of the file of its own",
				"the file is included %d times and the change is right for %d of them only", n, len(e.by))
		}
	}
	return nil
}

// AskedBy returns the contexts that ask for edits in a file.
func (w *Pending) AskedBy(path string) []*config.Node {
	var out []*config.Node
	for _, e := range w.list {
		if e.file.Path == path {
			out = slices.AppendSeq(out, maps.Keys(e.by))
		}
	}
	return out
}

// ReplaceArg replaces part of an argument, given as a span of its raw text
// without quotes.
func (w *Pending) ReplaceArg(n *config.Node, arg, from, to int, text, why string) {
	start, _ := n.Directive().Arg(arg).Inner()
	w.add(n, n.Directive().File, Edit{Start: start + from, End: start + to, New: text, Why: why, In: n.Parent().Path()})
}

// ReplaceWholeArg replaces an argument and keeps its quotes.
func (w *Pending) ReplaceWholeArg(n *config.Node, arg int, text, why string) {
	start, end := n.Directive().Arg(arg).Inner()
	w.add(n, n.Directive().File, Edit{Start: start, End: end, New: text, Why: why, In: n.Parent().Path()})
}

// ReplaceToken replaces an argument and the quotes around it.
func (w *Pending) ReplaceToken(n *config.Node, arg int, text, why string) {
	t := n.Directive().Arg(arg)
	w.add(n, n.Directive().File, Edit{Start: int(t.Start), End: int(t.End), New: text, Why: why, In: n.Parent().Path()})
}

// InsertArg adds an argument after another.
func (w *Pending) InsertArg(n *config.Node, after int, text, why string) {
	at := n.Directive().Arg(after).End
	w.add(n, n.Directive().File, Edit{Start: int(at), End: int(at), New: " " + text, Why: why, In: n.Parent().Path()})
}

// Files returns the edits of each file, in the order of the paths.
func (w *Pending) Files(paths []string) ([]FileEdit, error) {
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

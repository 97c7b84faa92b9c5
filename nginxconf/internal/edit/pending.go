package edit

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
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

// marker ends the first line of everything that is inserted.
const marker = " # edgeman"

// InsertAfter adds lines after a simple directive, in its own style.
func (w *Pending) InsertAfter(n *config.Node, why string, lines ...string) {
	w.insertAt(n, n.Directive().End(), indent(n.Directive().File.Src, n.Directive().Start()), n.Parent().Path(), why, lines)
}

// InsertFirst adds lines at the beginning of a block.
func (w *Pending) InsertFirst(block *config.Node, why string, lines ...string) {
	f := block.Directive().File
	like := block.Directive().Start()
	extra := "    "
	if len(block.Directive().Children) > 0 {
		if first := block.Directive().Children[0].Start(); indent(f.Src, first) != indent(f.Src, like) {
			like, extra = first, ""
		}
	}
	w.insertAt(block, block.Directive().HeadEnd(), indent(f.Src, like)+extra, block.Path(), why, lines)
}

// InsertLast adds lines at the end of a block, after all that is included there.
func (w *Pending) InsertLast(block *config.Node, why string, lines ...string) {
	inner := block.Directive().Children
	if len(inner) == 0 {
		w.InsertFirst(block, why, lines...)
		return
	}
	last := inner[len(inner)-1]
	w.insertAt(block, last.End(), indent(last.File.Src, last.Start()), block.Path(), why, lines)
}

// insertAt adds whole lines after offset at: at the end of that line when only
// a comment follows there, so that the comment stays with its directive,
// otherwise at once, and what follows moves to a line of its own.
func (w *Pending) insertAt(n *config.Node, at int, indent, in, why string, lines []string) {
	f := n.Directive().File
	begin := lineEnd(f.Src, at) + indent
	text := begin + strings.Join(marked(lines), begin)
	end, alone := restOfLine(f.Src, at)
	if !alone {
		text += begin
	}
	w.add(n, f, Edit{Start: end, End: end, New: text, Why: why, In: in})
}

// InsertBefore adds lines before a block, above the comments that belong to it.
func (w *Pending) InsertBefore(n *config.Node, in, why string, lines ...string) {
	f := n.Directive().File
	at := n.Directive().Start()
	eol, ind := lineEnd(f.Src, at), indent(f.Src, at)
	text := ind + strings.Join(marked(lines), eol+ind) + eol
	start := lineStart(f.Src, at)
	if len(bytes.Trim(f.Src[start:at], " \t")) > 0 {
		w.add(n, f, Edit{Start: at, End: at, New: eol + text + ind, Why: why, In: in})
		return
	}
	start = commentStart(f, start)
	w.add(n, f, Edit{Start: start, End: start, New: text + eol, Why: why, In: in})
}

func marked(lines []string) []string { return append([]string{lines[0] + marker}, lines[1:]...) }

// commentStart moves up over the comment lines directly above a line.
func commentStart(f *tree.File, start int) int {
	for start > 0 {
		above := lineStart(f.Src, start-1)
		text := bytes.TrimLeft(f.Src[above:start], " \t")
		if !isComment(f, start-len(text)) {
			return start
		}
		start = above
	}
	return start
}

// isComment reports whether a comment begins at offset, and not a line of a
// quoted word that looks like one.
func isComment(f *tree.File, offset int) bool {
	i, found := slices.BinarySearchFunc(f.Tokens, offset, func(t lex.Token, at int) int { return int(t.Start) - at })
	return found && f.Tokens[i].Kind == lex.Comment
}

// indent returns the blanks at the beginning of the line that holds offset.
func indent(src []byte, offset int) string {
	line := src[lineStart(src, offset):]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// lineEnd returns the line end in use around offset.
func lineEnd(src []byte, offset int) string {
	i := bytes.IndexByte(src[offset:], '\n')
	if i < 0 {
		i = bytes.LastIndexByte(src[:offset], '\n')
	} else {
		i += offset
	}
	if i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// restOfLine returns the offset of the line end after at, and true, where nothing
// but blanks and a comment stands before it; else at itself.
func restOfLine(src []byte, at int) (end int, alone bool) {
	line, _, more := bytes.Cut(src[at:], []byte("\n"))
	if text := bytes.TrimLeft(line, " \t\r"); len(text) > 0 && text[0] != '#' {
		return at, false
	}
	if more {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return at + len(line), true
}

package nginxconf

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/tree"
)

// marker ends the first line of everything that is inserted.
const marker = " # edgeman"

// Edit replaces the bytes [Start, End) of a file by New. Start equals End for
// an insertion.
type Edit struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	New   string `json:"new"`
	Why   string `json:"why"`
	In    string `json:"in"` // the block it is in: "upstream my_app"
}

// pendingEdit is an edit together with the contexts that ask for it. A file that is
// included several times may be edited only if all its contexts ask alike.
type pendingEdit struct {
	file *tree.File
	Edit
	by map[*Node]bool
}

// pendingEdits are the edits of a plan that is being made.
type pendingEdits struct {
	list []*pendingEdit
	seen map[pendingKey]*pendingEdit
}

type pendingKey struct {
	file       *tree.File
	start, end int
	text       string
}

func (w *pendingEdits) add(by *Node, file *tree.File, e Edit) {
	key := pendingKey{file, e.Start, e.End, e.New}
	if old := w.seen[key]; old != nil {
		old.by[by] = true
		return
	}
	if w.seen == nil {
		w.seen = map[pendingKey]*pendingEdit{}
	}
	w.seen[key] = &pendingEdit{file: file, Edit: e, by: map[*Node]bool{by: true}}
	w.list = append(w.list, w.seen[key])
}

// shared refuses an edit in a file that is included where it would be wrong;
// included tells how often a file is.
func (w *pendingEdits) shared(included func(path string) int) error {
	for _, e := range w.list {
		if n := included(e.file.Path); len(e.by) != n {
			line, column := e.file.LineAt(e.Start)
			return refuse(Pos{e.file.Path, line, column},
				"give the site a copy of the file of its own",
				"the file is included %d times and the change is right for %d of them only", n, len(e.by))
		}
	}
	return nil
}

// AskedBy returns the contexts that ask for edits in a file.
func (w *pendingEdits) AskedBy(path string) []*Node {
	var out []*Node
	for _, e := range w.list {
		if e.file.Path == path {
			out = slices.AppendSeq(out, maps.Keys(e.by))
		}
	}
	return out
}

// replaceArg replaces part of an argument, given as a span of its raw text
// without quotes.
func (w *pendingEdits) replaceArg(n *Node, arg, from, to int, text, why string) {
	start, _ := n.dir.Arg(arg).Inner()
	w.add(n, n.dir.File, Edit{Start: start + from, End: start + to, New: text, Why: why, In: n.parent.Path()})
}

// replaceWholeArg replaces an argument and keeps its quotes.
func (w *pendingEdits) replaceWholeArg(n *Node, arg int, text, why string) {
	start, end := n.dir.Arg(arg).Inner()
	w.add(n, n.dir.File, Edit{Start: start, End: end, New: text, Why: why, In: n.parent.Path()})
}

// replaceToken replaces an argument and the quotes around it.
func (w *pendingEdits) replaceToken(n *Node, arg int, text, why string) {
	t := n.dir.Arg(arg)
	w.add(n, n.dir.File, Edit{Start: int(t.Start), End: int(t.End), New: text, Why: why, In: n.parent.Path()})
}

// insertArg adds an argument after another.
func (w *pendingEdits) insertArg(n *Node, after int, text, why string) {
	at := n.dir.Arg(after).End
	w.add(n, n.dir.File, Edit{Start: int(at), End: int(at), New: " " + text, Why: why, In: n.parent.Path()})
}

// insertAfter adds lines after a simple directive, in its own style.
func (w *pendingEdits) insertAfter(n *Node, why string, lines ...string) {
	w.insertAt(n, n.dir.End(), indent(n.dir.File.Src, n.dir.Start()), n.parent.Path(), why, lines)
}

// insertFirst adds lines at the beginning of a block.
func (w *pendingEdits) insertFirst(block *Node, why string, lines ...string) {
	f := block.dir.File
	like := block.dir.Start()
	extra := "    "
	if len(block.dir.Children) > 0 {
		if first := block.dir.Children[0].Start(); indent(f.Src, first) != indent(f.Src, like) {
			like, extra = first, ""
		}
	}
	w.insertAt(block, block.dir.HeadEnd(), indent(f.Src, like)+extra, block.Path(), why, lines)
}

// insertLast adds lines at the end of a block, after all that is included there.
func (w *pendingEdits) insertLast(block *Node, why string, lines ...string) {
	inner := block.dir.Children
	if len(inner) == 0 {
		w.insertFirst(block, why, lines...)
		return
	}
	last := inner[len(inner)-1]
	w.insertAt(block, last.End(), indent(last.File.Src, last.Start()), block.Path(), why, lines)
}

// insertAt adds whole lines after offset at: at the end of that line when only
// a comment follows there, so that the comment stays with its directive,
// otherwise at once, and what follows moves to a line of its own.
func (w *pendingEdits) insertAt(n *Node, at int, indent, in, why string, lines []string) {
	f := n.dir.File
	eol := lineEnd(f.Src, at)
	end, alone := restOfLine(f, at)
	var b strings.Builder
	for i, l := range lines {
		b.WriteString(eol + indent + l)
		if i == 0 {
			b.WriteString(marker)
		}
	}
	if !alone {
		end = at
		b.WriteString(eol + indent)
	}
	w.add(n, f, Edit{Start: end, End: end, New: b.String(), Why: why, In: in})
}

// insertBefore adds lines before a block, above the comments that belong to it.
func (w *pendingEdits) insertBefore(n *Node, in, why string, lines ...string) {
	f := n.dir.File
	at := n.dir.Start()
	eol, ind := lineEnd(f.Src, at), indent(f.Src, at)
	var b strings.Builder
	for i, l := range lines {
		if i == 0 {
			l += marker
		}
		b.WriteString(ind + l + eol)
	}
	start := f.LineStart(at)
	if len(bytes.Trim(f.Src[start:at], " \t")) > 0 {
		w.add(n, f, Edit{Start: at, End: at, New: eol + b.String() + ind, Why: why, In: in})
		return
	}
	b.WriteString(eol)
	start = commentStart(f, start)
	w.add(n, f, Edit{Start: start, End: start, New: b.String(), Why: why, In: in})
}

// commentStart moves up over the comment lines directly above a line.
func commentStart(f *tree.File, start int) int {
	for start > 0 {
		above := bytes.LastIndexByte(f.Src[:start-1], '\n') + 1
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
	start := bytes.LastIndexByte(src[:offset], '\n') + 1
	end := start
	for end < len(src) && (src[end] == ' ' || src[end] == '\t') {
		end++
	}
	return string(src[start:end])
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

// restOfLine returns the offset of the line end after at, and whether nothing
// but blanks and a comment stands before it.
func restOfLine(f *tree.File, at int) (end int, alone bool) {
	i := at
	for i < len(f.Src) && (f.Src[i] == ' ' || f.Src[i] == '\t' || f.Src[i] == '\r') {
		i++
	}
	if i < len(f.Src) && f.Src[i] != '\n' && f.Src[i] != '#' {
		return at, false
	}
	n := bytes.IndexByte(f.Src[i:], '\n')
	if n < 0 {
		return len(f.Src), true
	}
	if i += n; i > at && f.Src[i-1] == '\r' {
		i--
	}
	return i, true
}

// apply returns src with the edits made. Edits are sorted by place; those at
// the same place keep their order.
func apply(src []byte, edits []Edit) []byte {
	var out []byte
	pos := 0
	for _, e := range edits {
		out = append(append(out, src[pos:e.Start]...), e.New...)
		pos = e.End
	}
	return append(out, src[pos:]...)
}

func sortEdits(edits []Edit) {
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.Start - b.Start })
}

// joinInsertions drops the empty line between two insertions at one place.
func joinInsertions(edits []Edit) {
	for i := 1; i < len(edits); i++ {
		a, b := &edits[i-1], edits[i]
		if a.Start != b.Start || a.End != b.Start || b.End != b.Start {
			continue
		}
		blank := b.New[:len(b.New)-len(strings.TrimLeft(b.New, " \t\r\n"))]
		if blank != "" {
			a.New = strings.TrimSuffix(a.New, blank)
		}
	}
}

// overlap reports whether two of the sorted edits touch the same bytes.
func overlap(edits []Edit) bool {
	for i := 1; i < len(edits); i++ {
		if edits[i].Start < edits[i-1].End {
			return true
		}
	}
	return false
}

// raw returns a directive's argument as written, quotes included.
func raw(n *Node, arg int) string {
	t := n.dir.Arg(arg)
	return string(n.dir.File.Src[t.Start:t.End])
}

// quote writes a value so that nginx reads exactly it, or fails when only an
// odd spelling could do that.
func quote(value string) (string, bool) {
	for _, c := range []byte(value) {
		if c < ' ' || c == 0x7f || c == '\\' || c == '$' {
			return "", false
		}
	}
	if value != "" && !strings.ContainsAny(value, " ;{}'\"#") {
		return value, true
	}
	for _, q := range []string{`"`, `'`} {
		if !strings.Contains(value, q) {
			return q + value + q, true
		}
	}
	return "", false
}

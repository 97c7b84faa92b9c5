// Package edit replaces bytes of configuration files: it collects the edits of a
// plan, shows them, proves that they change nothing else, and takes them back. It
// does not know what they are for.
package edit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"edgeman/nginxconf/internal/config"
	"edgeman/nginxconf/internal/lex"
	"edgeman/nginxconf/internal/tree"
)

// Edit replaces the bytes [Start, End) of a file by New. Start equals End for
// an insertion.
type Edit struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	New   string `json:"new"`
	Why   string `json:"why"`
	In    string `json:"in"` // the block it is in: "upstream my_app"
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

// FileEdit holds a file as it was, as it will be, and the edits between them
// in the order of the file.
type FileEdit struct {
	Path      string `json:"path"` // no symlinks
	Before    []byte `json:"before"`
	After     []byte `json:"after"`
	BeforeSum string `json:"before_sha256"`
	AfterSum  string `json:"after_sha256"`
	Edits     []Edit `json:"edits"`
}

func fileEdit(f *tree.File, edits []Edit) (FileEdit, error) {
	for _, e := range edits {
		if !utf8.ValidString(e.New) { // JSON, in which the edit is stored, has only that
			line, _ := f.LineAt(e.Start)
			return FileEdit{}, config.Refuse(config.Pos{File: f.Path, Line: line}, "save the file as UTF-8", "a directive that is not in UTF-8 would be copied to here")
		}
	}
	sortEdits(edits)
	joinInsertions(edits)
	after := apply(f.Src, edits)
	fe := FileEdit{Path: f.Path, Before: f.Src, After: after, BeforeSum: sum(f.Src), AfterSum: sum(after), Edits: edits}
	if overlap(edits) || !sameTokens(f.Src, after, edits) {
		return fe, config.Refuse(config.Pos{File: f.Path}, "please report this", "the edit would change more than planned")
	}
	return fe, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Raw returns a directive's argument as written, quotes included.
func Raw(n *config.Node, arg int) string {
	t := n.Directive().Arg(arg)
	return string(n.Directive().File.Src[t.Start:t.End])
}

// Quote writes a value so that nginx reads exactly it, or fails when only an
// odd spelling could do that.
func Quote(value string) (string, bool) {
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

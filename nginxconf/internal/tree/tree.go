// Package tree reads one nginx configuration file into directives that know
// where their bytes are.
//
// The tree is gonginx's, parsed from a masked copy of the file in which every
// byte that gonginx would read differently from nginx is overwritten by a
// letter. The exact spans and values come from package lex. Both must agree on
// every directive; a file on which they differ is refused, because an editor
// must not guess.
package tree

import (
	"bytes"
	"fmt"

	"edgeman/nginxconf/internal/lex"
)

// File is one configuration file.
type File struct {
	Path       string // as resolved: no symlinks
	Src        []byte
	Tokens     []lex.Token
	Directives []*Directive
	lines      *lex.Lines
}

// Directive is one directive of a file: a simple one that ends with ";" or a
// block. Name and Args are decoded as nginx sees them.
type Directive struct {
	Name     string
	Args     []string
	Children []*Directive // of a block, in order
	File     *File
	first    int32 // token index of the name
	term     int32 // token index of ";" or "{"
	close    int32 // token index of "}", -1 for a simple directive
}

// Error is a fault in one file, at a byte offset.
type Error struct {
	Path         string
	Line, Column int
	Reason, Hint string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Reason)
}

// Parse reads a file. Errors are of type *Error.
func Parse(path string, src []byte) (*File, error) {
	f := &File{Path: path, Src: src, lines: lex.NewLines(src)}
	tokens, err := lex.Scan(src)
	if err != nil {
		e := err.(*lex.Error)
		return nil, f.fail(e.Offset, e.Reason, e.Hint)
	}
	f.Tokens = tokens
	if err := f.checkBytes(); err != nil {
		return nil, err
	}
	if err := pair(f); err != nil {
		return nil, err
	}
	return f, nil
}

// checkBytes refuses what nginx's reader lets through and its handlers trip
// over: a byte order mark before the first word, and NUL in a word.
func (f *File) checkBytes() error {
	if bytes.HasPrefix(f.Src, []byte("\xef\xbb\xbf")) {
		return f.fail(0, "the file begins with a byte order mark, which nginx takes for a part of the first directive", "save the file as UTF-8 without BOM")
	}
	for _, t := range f.Tokens {
		if t.Kind != lex.Word {
			continue
		}
		if i := bytes.IndexByte(f.Src[t.Start:t.End], 0); i >= 0 {
			return f.fail(int(t.Start)+i, "NUL byte in a parameter", "")
		}
	}
	return nil
}

func (f *File) fail(offset int, reason, hint string) *Error {
	line, column := f.LineAt(offset)
	return &Error{Path: f.Path, Line: line, Column: column, Reason: reason, Hint: hint}
}

// LineAt returns line and column of a byte offset, both from 1.
func (f *File) LineAt(offset int) (line, column int) {
	return f.lines.At(offset)
}

// IsBlock reports whether the directive has braces.
func (d *Directive) IsBlock() bool { return d.close >= 0 }

// Start is the offset of the directive's first byte.
func (d *Directive) Start() int { return int(d.File.Tokens[d.first].Start) }

// HeadEnd is the offset after the ";" of a simple directive or the "{" of a block.
func (d *Directive) HeadEnd() int { return int(d.File.Tokens[d.term].End) }

// End is the offset after the directive: after its ";" or its "}".
func (d *Directive) End() int {
	if d.IsBlock() {
		return int(d.File.Tokens[d.close].End)
	}
	return d.HeadEnd()
}

// Arg returns the token of argument i (0 is the first after the name).
func (d *Directive) Arg(i int) lex.Token {
	for n := d.first + 1; n < d.term; n++ {
		if d.File.Tokens[n].Kind != lex.Word {
			continue
		}
		if i == 0 {
			return d.File.Tokens[n]
		}
		i--
	}
	panic("tree: no such argument")
}

// Lua returns the body of a *_by_lua_block, nil for anything else.
func (d *Directive) Lua() []byte {
	if n := int(d.term) + 1; d.IsBlock() && n < len(d.File.Tokens) && d.File.Tokens[n].Kind == lex.Lua {
		t := d.File.Tokens[n]
		return d.File.Src[t.Start:t.End]
	}
	return nil
}

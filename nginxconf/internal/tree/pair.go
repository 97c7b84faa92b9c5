package tree

import (
	"bytes"
	"slices"

	"github.com/tufanbarisyildirim/gonginx/config"
	"github.com/tufanbarisyildirim/gonginx/parser"

	"edgeman/nginxconf/internal/lex"
)

// pair parses the masked copy with gonginx and gives each of its nodes the
// spans of the original.
func pair(f *File) error {
	masked := mask(f.Src, f.Tokens)
	p := parser.NewStringParser(string(masked),
		parser.WithSkipValidDirectivesErr(), parser.WithSkipComments())
	root, err := p.Parse()
	if err != nil {
		return f.fail(0, "the second reader stopped at: "+err.Error(), mismatchHint)
	}
	z := zipper{file: f, masked: masked}
	f.Directives, err = z.block(root.GetDirectives())
	if err != nil {
		return err
	}
	if z.skip(); z.next < len(f.Tokens) {
		return z.mismatch()
	}
	return nil
}

const mismatchHint = "two independent readers disagree about this file, so it is not edited; please report it"

// zipper walks gonginx's tree in pre-order and the tokens in file order.
type zipper struct {
	file   *File
	masked []byte
	next   int
}

func (z *zipper) skip() {
	for z.next < len(z.file.Tokens) {
		if k := z.file.Tokens[z.next].Kind; k != lex.Space && k != lex.Comment {
			return
		}
		z.next++
	}
}

// take consumes the next token if it is of this kind.
func (z *zipper) take(kind lex.Kind) (int, bool) {
	z.skip()
	if z.next >= len(z.file.Tokens) || z.file.Tokens[z.next].Kind != kind {
		return 0, false
	}
	z.next++
	return z.next - 1, true
}

// word consumes the next word, which must be what gonginx read.
func (z *zipper) word(want string) (int, string, bool) {
	i, ok := z.take(lex.Word)
	if !ok {
		return 0, "", false
	}
	t := z.file.Tokens[i]
	start, end := t.Inner()
	return i, lex.Decode(z.file.Src[start:end]), string(z.masked[t.Start:t.End]) == want
}

func (z *zipper) block(nodes []config.IDirective) ([]*Directive, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	out := make([]*Directive, 0, len(nodes))
	for _, n := range nodes {
		d, err := z.directive(n)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (z *zipper) directive(n config.IDirective) (*Directive, error) {
	first, name, ok := z.word(n.GetName())
	if !ok {
		return nil, z.mismatch()
	}
	d := &Directive{Name: name, File: z.file, first: int32(first), close: -1}
	params := n.GetParameters()
	d.Args = make([]string, len(params))
	for i := range params {
		if _, d.Args[i], ok = z.word(params[i].Value); !ok {
			return nil, z.mismatch()
		}
	}
	if n.GetBlock() == nil {
		term, ok := z.take(lex.Semicolon)
		if !ok {
			return nil, z.mismatch()
		}
		d.term = int32(term)
		return d, nil
	}
	return d, z.body(d, n.GetBlock().GetDirectives())
}

func (z *zipper) body(d *Directive, nodes []config.IDirective) error {
	term, ok := z.take(lex.Open)
	if !ok {
		return z.mismatch()
	}
	d.term = int32(term)
	z.take(lex.Lua)
	var err error
	if d.Children, err = z.block(nodes); err != nil {
		return err
	}
	end, ok := z.take(lex.Close)
	if !ok {
		return z.mismatch()
	}
	d.close = int32(end)
	return nil
}

func (z *zipper) mismatch() error {
	offset := len(z.file.Src)
	if z.next < len(z.file.Tokens) {
		offset = int(z.file.Tokens[z.next].Start)
	}
	return z.file.fail(offset, "the second reader sees another structure here", mismatchHint)
}

// mask returns a copy of src, of the same length, that gonginx reads as nginx
// reads src: words on which the two differ become letters, Lua bodies become
// blanks.
func mask(src []byte, tokens []lex.Token) []byte {
	out := bytes.Clone(src)
	for _, t := range tokens {
		switch t.Kind {
		case lex.Word:
			start, end := t.Inner()
			if odd(src[start:end]) {
				fill(out[start:end], 'x')
			}
		case lex.Comment:
			for i := t.Start + 1; i < t.End; i++ {
				if c := src[i]; c == 0 || c == '\r' || c >= 0x80 {
					out[i] = 'x'
				}
			}
		case lex.Lua:
			fill(out[t.Start:t.End], ' ')
		}
	}
	return out
}

// odd reports whether gonginx may read this word differently from nginx.
func odd(word []byte) bool {
	for _, c := range word {
		switch c {
		case '\\', '{', '}', '"', '\'', '`', 0, '\r', '\n', '#':
			return true
		}
		if c >= 0x80 {
			return true
		}
	}
	return bytes.HasSuffix(word, []byte("_by_lua_block")) || slices.Contains(typed, string(word))
}

// typed are the words by which gonginx makes a directive one of a type of its own:
// those reorder directives, and include would open files.
var typed = []string{"http", "server", "location", "upstream", "include"}

func fill(b []byte, c byte) {
	for i := range b {
		b[i] = c
	}
}

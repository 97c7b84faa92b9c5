// Package lex splits an nginx configuration file into tokens by nginx's own
// rules (ngx_conf_read_token in src/core/ngx_conf_file.c).
//
// The tokens tile the input: concatenating their bytes gives the file back, so
// that an editor can replace one token and leave every other byte alone.
package lex

import (
	"bytes"
	"fmt"
)

// Limits that keep hostile input bounded. Real files are far below them.
const (
	// MaxSize is the largest file that is read, in bytes.
	MaxSize = 16 << 20
	// MaxDepth is the deepest nesting of blocks. nginx has no limit of its own
	// and recurses; real configurations stay below ten.
	MaxDepth = 100
	// bufferSize is NGX_CONF_BUFFER: nginx holds a token in a buffer of this
	// size and rejects what does not fit.
	bufferSize = 4096
)

// Kind says what a token is.
type Kind uint8

// The kinds of token.
const (
	Space     Kind = iota // blanks, tabs, CR, LF
	Comment               // from # up to the line feed, exclusive
	Word                  // a name or an argument, with its quotes
	Semicolon             // ;
	Open                  // {
	Close                 // }
	Lua                   // the body of a *_by_lua_block, without its braces
)

// Token is one piece of the file: the bytes [Start, End). Quote is the quote
// mark of a quoted word, else 0.
type Token struct {
	Start, End int32
	Kind       Kind
	Quote      byte
}

// Inner returns the span of a word without its quotes.
func (t Token) Inner() (start, end int) {
	if t.Quote != 0 {
		return int(t.Start) + 1, int(t.End) - 1
	}
	return int(t.Start), int(t.End)
}

// Error is a place where nginx would refuse the file, in its own terms. Hint
// names the place where the fault began, when that is elsewhere.
type Error struct {
	Offset int
	Reason string
	Hint   string
}

func (e *Error) Error() string { return e.Reason }

type lexer struct {
	src    []byte
	pos    int
	tokens []Token
	words  int     // words of the statement so far
	first  Token   // its first word
	open   []int32 // offsets of the blocks that are open, by their first word
}

// Scan splits src into tokens, or returns an *Error where nginx's own reader
// would stop. Blocks are checked for balance within the file, as nginx does.
func Scan(src []byte) ([]Token, error) {
	if len(src) > MaxSize {
		return nil, &Error{Reason: fmt.Sprintf("the file has more than %d MiB", MaxSize>>20)}
	}
	l := &lexer{src: src, tokens: make([]Token, 0, len(src)/5+8)}
	for l.pos < len(src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	if l.words > 0 {
		return nil, l.unfinished(int(l.first.Start))
	}
	if n := len(l.open); n > 0 {
		return nil, l.fail(len(src), `unexpected end of file, expecting "}"`, "the block opened at %s is not closed", int(l.open[n-1]))
	}
	return l.tokens, nil
}

func (l *lexer) emit(kind Kind, end int, quote byte) {
	l.tokens = append(l.tokens, Token{Start: int32(l.pos), End: int32(end), Kind: kind, Quote: quote})
	l.pos = end
}

func (l *lexer) next() error {
	switch c := l.src[l.pos]; {
	case isSpace(c):
		end := l.pos + 1
		for end < len(l.src) && isSpace(l.src[end]) {
			end++
		}
		l.emit(Space, end, 0)
		return nil
	case c == '#':
		return l.comment()
	case c == ';' || c == '{':
		return l.terminator(c)
	case c == '}':
		return l.closeBlock()
	default:
		return l.word()
	}
}

func (l *lexer) comment() error {
	end := len(l.src)
	if i := bytes.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
		end = l.pos + i
	}
	if err := l.fits(l.pos, min(end+1, len(l.src))); err != nil {
		return err
	}
	l.emit(Comment, end, 0)
	return nil
}

func (l *lexer) terminator(c byte) error {
	if l.words == 0 {
		return l.fail(l.pos, fmt.Sprintf("unexpected \"%c\"", c), "", -1)
	}
	if c == ';' {
		l.emit(Semicolon, l.pos+1, 0)
		l.words = 0
		return nil
	}
	if len(l.open) >= MaxDepth {
		return l.fail(l.pos, fmt.Sprintf("blocks are nested more than %d deep", MaxDepth), "", -1)
	}
	l.emit(Open, l.pos+1, 0)
	l.open = append(l.open, l.first.Start)
	l.words = 0
	start, end := l.first.Inner()
	if bytes.HasSuffix(l.src[start:end], []byte("_by_lua_block")) {
		return l.lua()
	}
	return nil
}

func (l *lexer) closeBlock() error {
	if l.words > 0 {
		return l.fail(l.pos, `unexpected "}"`, "the directive at %s has no \";\"", int(l.first.Start))
	}
	if len(l.open) == 0 {
		return l.fail(l.pos, `unexpected "}"`, "", -1)
	}
	l.open = l.open[:len(l.open)-1]
	l.emit(Close, l.pos+1, 0)
	return nil
}

func (l *lexer) lua() error {
	end := luaEnd(l.src, l.pos)
	if end < 0 {
		return l.fail(len(l.src), "unexpected end of file, expecting \"}\"", "the Lua block opened at %s is not closed", int(l.first.Start))
	}
	if end > l.pos {
		l.emit(Lua, end, 0)
	}
	return nil
}

// word reads one word. After a quoted word nginx wants a blank, a terminator
// or a closing parenthesis, which begins a word of its own.
func (l *lexer) word() error {
	var end int
	quote := l.src[l.pos]
	if quote == '"' || quote == '\'' {
		end = l.quotedEnd(quote)
	} else {
		quote, end = 0, l.plainEnd()
	}
	if end < 0 {
		start := l.pos
		if quote != 0 {
			start++
		}
		if err := l.fits(start, len(l.src)); err != nil {
			return err
		}
		return l.unfinished(l.pos)
	}
	if err := l.wordFits(end, quote); err != nil {
		return err
	}
	if quote != 0 && end < len(l.src) {
		if c := l.src[end]; !isSpace(c) && c != ';' && c != '{' && c != ')' {
			return l.fail(end, fmt.Sprintf("unexpected \"%c\"", c), "the quoted text that began at %s ends here", l.pos)
		}
	}
	l.emit(Word, end, quote)
	if l.words == 0 {
		l.first = l.tokens[len(l.tokens)-1]
	}
	l.words++
	return nil
}

func (l *lexer) quotedEnd(quote byte) int {
	for i := l.pos + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return -1
}

// plainEnd finds the end of an unquoted word: a blank, ";" or "{", except that
// "${" belongs to the word. A word must be followed by something.
func (l *lexer) plainEnd() int {
	variable := false
	for i := l.pos; i < len(l.src); i++ {
		c := l.src[i]
		if c == '{' && variable {
			continue
		}
		variable = c == '$'
		switch {
		case c == '\\':
			i++
		case isSpace(c) || c == ';' || c == '{':
			return i
		}
	}
	return -1
}

// wordFits applies nginx's buffer limit: the byte after the word has to be in
// the buffer with it, counted without the opening quote, and when that is a
// blank the byte after that too.
func (l *lexer) wordFits(end int, quote byte) error {
	start, need := l.pos, end+1
	if quote != 0 {
		start++
	}
	if end < len(l.src) && isSpace(l.src[end]) {
		need++
	}
	return l.fits(start, min(need, len(l.src)))
}

// fits fails when nginx needs more than its buffer to get from start to end.
func (l *lexer) fits(start, end int) error {
	if end-start <= bufferSize {
		return nil
	}
	switch c := l.src[l.pos]; c {
	case '"', '\'':
		return l.fail(l.pos, fmt.Sprintf("too long parameter, probably missing terminating \"%c\" character", c), "", -1)
	}
	return l.fail(l.pos, fmt.Sprintf("too long parameter %q... started", l.src[l.pos:l.pos+10]), "nginx reads at most 4096 bytes of one parameter or comment", -1)
}

func (l *lexer) unfinished(start int) error {
	return l.fail(len(l.src), `unexpected end of file, expecting ";" or "}"`, "the directive at %s is not finished", start)
}

// fail builds an Error; the hint may name one more place as line:column.
func (l *lexer) fail(offset int, reason, hint string, other int) error {
	if other >= 0 {
		line, column := NewLines(l.src).At(other)
		hint = fmt.Sprintf(hint, fmt.Sprintf("%d:%d", line, column))
	}
	return &Error{Offset: offset, Reason: reason, Hint: hint}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

package lex

import (
	"strings"
	"testing"
)

// words returns the decoded words and the marks of a file, or the error.
func words(src string) string {
	tokens, err := Scan([]byte(src))
	if err != nil {
		e := err.(*Error)
		return "error: " + e.Reason
	}
	var out []string
	for _, t := range tokens {
		switch t.Kind {
		case Word:
			start, end := t.Inner()
			out = append(out, "<"+Decode([]byte(src[start:end]))+">")
		case Lua:
			out = append(out, "lua["+src[t.Start:t.End]+"]")
		case Semicolon, Open, Close:
			out = append(out, src[t.Start:t.End])
		}
	}
	return strings.Join(out, " ")
}

func TestScan(t *testing.T) {
	tests := []struct{ src, want string }{
		{"a b;", "<a> <b> ;"},
		{"a{b;}", "<a> { <b> ; }"},
		{"a b}c;", "<a> <b}c> ;"},
		{"a #c;\n b;", "<a> <b> ;"},
		{"a b#c;", "<a> <b#c> ;"},
		{"a ${b}{c;}", "<a> <${b}> { <c> ; }"},
		{"a $b{c;}", "<a> <$b> { <c> ; }"},
		{"a ${{b;", "<a> <${{b> ;"},
		{`a "b c" 'd"e';`, `<a> <b c> <d"e> ;`},
		{`a "b\"c" d\ e \;;`, `<a> <b"c> <d\ e> <\;> ;`},
		{`a '\t\n\r\\\x';`, "<a> <\t\n\r\\\\x> ;"},
		{`a b"c";`, `<a> <b"c"> ;`},
		{`if ($a = "b"){c;}`, "<if> <($a> <=> <b> <)> { <c> ; }"},
		{`a "";`, "<a> <> ;"},
		{"a\r\n\tb\r\n;\r\n", "<a> <b> ;"},
		{"# a\r b;\nc;", "<c> ;"},
		{"x_by_lua_block { s = '}' -- }\n t = [[ } ]] }", "<x_by_lua_block> { lua[ s = '}' -- }\n t = [[ } ]] ] }"},
		{"x_by_lua_block {}", "<x_by_lua_block> { }"},
		{"a", `error: unexpected end of file, expecting ";" or "}"`},
		{"a {", `error: unexpected end of file, expecting "}"`},
		{"a { b }", `error: unexpected "}"`},
		{"}", `error: unexpected "}"`},
		{";", `error: unexpected ";"`},
		{"{", `error: unexpected "{"`},
		{`a "b"c;`, `error: unexpected "c"`},
		{`a "b`, `error: unexpected end of file, expecting ";" or "}"`},
		{"x_by_lua_block { '", `error: unexpected end of file, expecting "}"`},
		{"x_by_lua_block { [[ }", `error: unexpected end of file, expecting "}"`},
	}
	for _, tt := range tests {
		if got := words(tt.src); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.src, got, tt.want)
		}
	}
}

// TestBuffer checks the limit at its edges, as measured with nginx.
func TestBuffer(t *testing.T) {
	tests := []struct {
		src string
		ok  bool
	}{
		{"a " + strings.Repeat("b", 4095) + ";\n", true},
		{"a " + strings.Repeat("b", 4096) + ";\n", false},
		{"a " + strings.Repeat("b", 4095) + " ;\n", false},
		{"a \"" + strings.Repeat("b", 4094) + "\";\n", true},
		{"a \"" + strings.Repeat("b", 4095) + "\";\n", false},
		{"#" + strings.Repeat("b", 4094) + "\na;", true},
		{"#" + strings.Repeat("b", 4095) + "\na;", false},
		{"a;#" + strings.Repeat("b", 4095), true},
		{"a;#" + strings.Repeat("b", 4096), false},
	}
	for i, tt := range tests {
		if _, err := Scan([]byte(tt.src)); (err == nil) != tt.ok {
			t.Errorf("case %d (%d bytes): %v", i, len(tt.src), err)
		}
	}
}

func TestLines(t *testing.T) {
	l := NewLines([]byte("ab\n\ncd"))
	for offset, want := range map[int][2]int{0: {1, 1}, 2: {1, 3}, 3: {2, 1}, 4: {3, 1}, 6: {3, 3}} {
		if line, column := l.At(offset); line != want[0] || column != want[1] {
			t.Errorf("offset %d: %d:%d, want %v", offset, line, column, want)
		}
	}
}

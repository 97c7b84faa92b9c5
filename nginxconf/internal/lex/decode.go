package lex

import (
	"bytes"
	"sort"
	"strings"
)

// Decode returns the value nginx sees for a word without its quotes: \" \' and
// \\ lose the backslash, \t \r \n become the control character, and every
// other backslash stays.
func Decode(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' && i+1 < len(raw) {
			switch raw[i+1] {
			case '"', '\'', '\\':
				i++
				c = raw[i]
			case 't':
				i, c = i+1, '\t'
			case 'r':
				i, c = i+1, '\r'
			case 'n':
				i, c = i+1, '\n'
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// NeedsQuotes reports a character that a word has only in quotes, or that means
// something else there.
func NeedsQuotes(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`;{}"'\$#`, r)
}

// OddInHost reports characters that no host name or address has, and that
// would need quotes where a host is written.
func OddInHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-[]:%", r))
}

// Lines turns byte offsets into line and column.
type Lines struct{ starts []int32 }

// NewLines indexes the lines of src.
func NewLines(src []byte) *Lines {
	l := &Lines{starts: make([]int32, 1, 1+bytes.Count(src, []byte{'\n'}))}
	for i, c := range src {
		if c == '\n' {
			l.starts = append(l.starts, int32(i+1))
		}
	}
	return l
}

// At returns the line and the column of an offset, both from 1; the column
// counts bytes.
func (l *Lines) At(offset int) (line, column int) {
	i := sort.Search(len(l.starts), func(i int) bool { return int(l.starts[i]) > offset })
	return i, offset - int(l.starts[i-1]) + 1
}

package lex

import (
	"bytes"
	"sort"
)

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

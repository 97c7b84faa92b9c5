package edit

import (
	"bytes"
	"slices"
	"strings"
)

// Diff shows the edits as a unified diff without context lines, one hunk for each
// group of edits that touch the same lines, headed by the block it is in.
func (fe *FileEdit) Diff() string {
	var b strings.Builder
	b.WriteString("--- " + fe.Path + "\n+++ " + fe.Path + "\n")
	last := ""
	for i := 0; i < len(fe.Edits); {
		start := lineStart(fe.Before, fe.Edits[i].Start)
		end := nextLine(fe.Before, fe.Edits[i].End)
		j := i + 1
		for j < len(fe.Edits) && fe.Edits[j].Start < end {
			end = nextLine(fe.Before, fe.Edits[j].End)
			j++
		}
		edits := make([]Edit, 0, j-i)
		for _, e := range fe.Edits[i:j] {
			e.Start -= start
			e.End -= start
			edits = append(edits, e)
		}
		old := fe.Before[start:end]
		if in := fe.Edits[i].In; in != last {
			b.WriteString("@@ " + in + "\n")
			last = in
		}
		b.WriteString(changed(old, apply(old, edits)))
		i = j
	}
	return b.String()
}

// changed lists the lines that differ, minus first.
func changed(before, after []byte) string {
	a, b := lines(before), lines(after)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var s strings.Builder
	for _, l := range a {
		s.WriteString("-" + strings.TrimRight(l, "\r\n") + "\n")
	}
	for _, l := range b {
		s.WriteString("+" + strings.TrimRight(l, "\r\n") + "\n")
	}
	return s.String()
}

// lines cuts text after each line feed.
func lines(b []byte) []string { return slices.Collect(strings.Lines(string(b))) }

func lineStart(b []byte, offset int) int { return bytes.LastIndexByte(b[:offset], '\n') + 1 }

func nextLine(b []byte, offset int) int {
	if i := bytes.IndexByte(b[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(b)
}

// match pairs the lines of a with those of b: the common head and tail, each line
// that is unique in both, and what borders on it. Unpaired lines are -1.
func match(a, b []string) []int {
	m, taken := make([]int, len(a)), make([]bool, len(b))
	for i := range m {
		m[i] = -1
	}
	// extend pairs line i and j, and those next to them, as long as they are alike.
	extend := func(i, j, step int) {
		for i >= 0 && j >= 0 && i < len(a) && j < len(b) && m[i] < 0 && !taken[j] && a[i] == b[j] {
			m[i], taken[j] = j, true
			i, j = i+step, j+step
		}
	}
	extend(0, 0, 1)
	extend(len(a)-1, len(b)-1, -1)
	atA, atB := unique(a), unique(b)
	for i, line := range a {
		if j, once := atB[line]; once && atA[line] == i && m[i] < 0 {
			extend(i, j, 1)
			extend(i-1, j-1, -1)
		}
	}
	return m
}

// unique tells where the lines are that occur once.
func unique(lines []string) map[string]int {
	at, count := map[string]int{}, map[string]int{}
	for i, l := range lines {
		at[l], count[l] = i, count[l]+1
	}
	for l, n := range count {
		if n > 1 {
			delete(at, l)
		}
	}
	return at
}

// versions are two versions of a file, and which lines of a are which of b.
type versions struct {
	a, b   []byte
	lines  []int                  // of a: their beginnings, and the end of the file
	moved  []int                  // of each line of a: its beginning in b, or -1
	paired map[string]map[int]int // text: where it stands in a: where that is in b
}

func compare(a, b []byte) *versions {
	v := &versions{a: a, b: b, paired: map[string]map[int]int{}}
	inA, inB := lines(a), lines(b)
	v.lines = beginnings(inA)
	at := beginnings(inB)
	for _, j := range match(inA, inB) {
		if j >= 0 {
			j = at[j]
		}
		v.moved = append(v.moved, j)
	}
	return v
}

func beginnings(lines []string) []int {
	out := make([]int, 1, len(lines)+1)
	for i, l := range lines {
		out = append(out, out[i]+len(l))
	}
	return out
}

// find tells where the text that stands in a at [from, to) is in b.
func (v *versions) find(from, to int) (at int, found bool) {
	if from == to {
		return 0, false
	}
	text := string(v.a[from:to])
	if v.paired[text] == nil {
		v.paired[text] = v.pair(text)
	}
	at, found = v.paired[text][from]
	return at, found
}

// inLines is find for a text in lines that are in b as they were.
func (v *versions) inLines(from, to int) (at int, found bool) {
	i, exact := slices.BinarySearch(v.lines, from)
	if !exact {
		i--
	}
	for k := i; k < len(v.moved) && (k == i || v.lines[k] < to); k++ {
		if v.moved[k] < 0 || v.moved[k]-v.lines[k] != v.moved[i]-v.lines[i] {
			return 0, false
		}
	}
	if i >= len(v.moved) {
		return 0, false
	}
	return from - v.lines[i] + v.moved[i], true
}

// mostPairs bounds the places of one text that are compared with each other.
const mostPairs = 1 << 20

// pair finds for each place of a text in a the one in b that it has become.
func (v *versions) pair(text string) map[int]int {
	pairs, taken := map[int]int{}, map[int]bool{}
	var a, b []int
	for _, i := range placesOf(v.a, text) {
		j, found := v.inLines(i, i+len(text))
		if found {
			pairs[i], taken[j] = j, true
		} else {
			a = append(a, i)
		}
	}
	for _, j := range placesOf(v.b, text) {
		if !taken[j] {
			b = append(b, j)
		}
	}
	if len(a)*len(b) <= mostPairs {
		v.pairRest(text, a, b, pairs)
	}
	return pairs
}

// pairRest pairs places in the same order, and so that what stands around them is
// as alike as can be.
func (v *versions) pairRest(text string, a, b []int, pairs map[int]int) {
	best := make([][]int32, len(a)+1) // of the places from i in a and j in b on
	like := make([][]int32, len(a))
	best[len(a)] = make([]int32, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		best[i], like[i] = make([]int32, len(b)+1), make([]int32, len(b))
		for j := len(b) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if like[i][j] = v.alike(a[i], b[j], text); like[i][j] > 0 {
				best[i][j] = max(best[i][j], best[i+1][j+1]+like[i][j])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case like[i][j] > 0 && best[i][j] == best[i+1][j+1]+like[i][j]:
			pairs[a[i]] = b[j]
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			i++
		default:
			j++
		}
	}
}

func placesOf(b []byte, text string) []int {
	var out []int
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(text))
		if i < 0 {
			return out
		}
		out = append(out, at+i)
		at += i + 1
	}
}

// alike tells how much the surroundings of a text at i in a are those at j in b:
// the number of bytes without blanks up to the first that differs, before and
// after it. 0 means that it is not the same text: a part of a longer word in one
// of them, or a single word that follows another one there.
func (v *versions) alike(i, j int, text string) int32 {
	before, after := [2][]byte{v.a[:i], v.b[:j]}, [2][]byte{v.a[i+len(text):], v.b[j+len(text):]}
	begins, ends := isNameByte(text[0]), isNameByte(text[len(text)-1])
	if begins && endsInName(before[0]) != endsInName(before[1]) || ends && beginsWithName(after[0]) != beginsWithName(after[1]) {
		return 0
	}
	left, right := v.common(i-1, j-1, -1), v.common(i+len(text), j+len(text), 1)
	if left == 0 && !strings.ContainsAny(strings.TrimSpace(text), " \t\r\n") {
		return 0
	}
	return 1 + left + right
}

func endsInName(b []byte) bool { return len(b) > 0 && isNameByte(b[len(b)-1]) }

func beginsWithName(b []byte) bool { return len(b) > 0 && isNameByte(b[0]) }

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.", c) >= 0
}

// mostContext is how many bytes around a text are compared.
const mostContext = 1000

// common counts the bytes without blanks that a from i and b from j on have in
// common, in steps of 1 or -1.
func (v *versions) common(i, j, step int) int32 {
	for n := int32(0); n < mostContext; n++ {
		x, more := next(v.a, &i, step)
		y, also := next(v.b, &j, step)
		if !more && !also { // to the end of the file, which is as good as a byte
			return n + 1
		}
		if more != also || x != y {
			return n
		}
	}
	return mostContext
}

// next moves at over blanks and one other byte, which it returns.
func next(b []byte, at *int, step int) (c byte, more bool) {
	for ; *at >= 0 && *at < len(b); *at += step {
		if c = b[*at]; strings.IndexByte(" \t\r\n", c) < 0 {
			*at += step
			return c, true
		}
	}
	return 0, false
}

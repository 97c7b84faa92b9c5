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

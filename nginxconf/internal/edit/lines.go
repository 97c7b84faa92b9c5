package edit

import (
	"slices"
)

// match pairs the lines of a with those of b: common head and tail, then the
// lines that are unique in both, in order, and what borders on them. Unpaired
// lines are -1.
func match(a, b []string) []int {
	m := make([]int, len(a))
	for i := range m {
		m[i] = -1
	}
	pairRange(m, a, b, 0, len(a), 0, len(b))
	return m
}

func pairRange(m []int, a, b []string, a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && a[a0] == b[b0] {
		m[a0] = b0
		a0, b0 = a0+1, b0+1
	}
	for a0 < a1 && b0 < b1 && a[a1-1] == b[b1-1] {
		a1, b1 = a1-1, b1-1
		m[a1] = b1
	}
	anchors := uniquePairs(a, b, a0, a1, b0, b1)
	for i, p := range anchors {
		enda, endb := a1, b1
		if i+1 < len(anchors) {
			enda, endb = anchors[i+1][0], anchors[i+1][1]
		}
		m[p[0]] = p[1]
		pairRange(m, a, b, p[0]+1, enda, p[1]+1, endb)
	}
	if len(anchors) > 0 {
		pairRange(m, a, b, a0, anchors[0][0], b0, anchors[0][1])
	}
}

// uniquePairs returns the longest increasing sequence of lines that occur once
// in each range.
func uniquePairs(a, b []string, a0, a1, b0, b1 int) [][2]int {
	type where struct{ countA, countB, atB int }
	seen := map[string]*where{}
	for _, l := range a[a0:a1] {
		if seen[l] == nil {
			seen[l] = &where{}
		}
		seen[l].countA++
	}
	for i := b0; i < b1; i++ {
		if w := seen[b[i]]; w != nil {
			w.countB, w.atB = w.countB+1, i
		}
	}
	var pairs [][2]int
	for i := a0; i < a1; i++ {
		if w := seen[a[i]]; w.countA == 1 && w.countB == 1 {
			pairs = append(pairs, [2]int{i, w.atB})
		}
	}
	return increasing(pairs)
}

// increasing keeps the longest run of pairs whose second part grows.
func increasing(pairs [][2]int) [][2]int {
	var tails []int // index of the last pair of the best run of each length
	before := make([]int, len(pairs))
	for i, p := range pairs {
		k, _ := slices.BinarySearchFunc(tails, p[1], func(t, at int) int { return pairs[t][1] - at })
		before[i] = -1
		if k > 0 {
			before[i] = tails[k-1]
		}
		if k == len(tails) {
			tails = append(tails, i)
		} else {
			tails[k] = i
		}
	}
	var out [][2]int
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = before[i] {
			out = append(out, pairs[i])
		}
		slices.Reverse(out)
	}
	return out
}

package edit

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

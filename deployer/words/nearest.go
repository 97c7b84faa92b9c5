package words

// Nearest is the name that a mistyped word was most likely meant to be; empty
// if none is near.
func Nearest(word string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		if d := editDistance(word, n); d < distance && d < len(n) {
			best, distance = n, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

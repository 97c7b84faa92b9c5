package console

import (
	"slices"
)

// Distinct are the lines without repetitions, in their order.
func Distinct(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

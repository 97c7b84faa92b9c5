package bench

import (
	"math"
	"slices"
)

// Series holds what the rounds measured, one value a round.
type Series []float64

// Median is the middle value, or the mean of the two in the middle; NaN if
// there is none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// Min and Max are the spread; NaN if there is no value.
func (s Series) Min() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Min(s)
}

// Max is the largest value.
func (s Series) Max() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	return slices.Max(s)
}

// ratio is of two medians; NaN if one is missing.
func ratio(a, b Series) float64 { return a.Median() / b.Median() }

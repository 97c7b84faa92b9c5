package bench

import (
	"math"
	"strconv"
)

// figure is x with so many digits behind the point, or - if it was not measured.
func figure(x float64, digits int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// count is a whole number with its thousands apart.
func count(x float64) string {
	s := figure(math.Round(x), 0)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

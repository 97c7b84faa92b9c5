package carry

import (
	"math"
	"time"
)

// meter measures how many requests come in a second.
type meter struct {
	at    time.Time
	total uint64
	rate  float64
}

// rateSpan is the least time that a rate is measured over.
const rateSpan = 5 * time.Second

// read takes the total so far. The rate is rounded to two digits, so that a
// steady stream does not change it at every look.
func (m *meter) read(now time.Time, total uint64) float64 {
	span := now.Sub(m.at)
	if m.at.IsZero() || total < m.total {
		m.at, m.total, m.rate = now, total, 0
	} else if span >= rateSpan {
		m.rate = twoDigits(float64(total-m.total) / span.Seconds())
		m.at, m.total = now, total
	}
	return m.rate
}

func twoDigits(x float64) float64 {
	if x < 0.1 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(x/unit) * unit
}

package carry

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	var m meter
	start := time.Now()
	for _, tt := range []struct {
		after time.Duration
		total uint64
		want  float64
	}{
		{0, 1000, 0},
		{time.Second, 1500, 0}, // too early to tell
		{10 * time.Second, 6014, 500},
		{11 * time.Second, 9000, 500},
		{20 * time.Second, 6054, 4},
		{30 * time.Second, 6054, 0},
		{40 * time.Second, 3, 0}, // another gate
	} {
		if got := m.read(start.Add(tt.after), tt.total); got != tt.want {
			t.Errorf("after %s, %d connections: %g a second, want %g", tt.after, tt.total, got, tt.want)
		}
	}
}

package state

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 27, 23, 50, 0, 0, time.Local)
	for _, tt := range []struct {
		in   time.Duration
		want string
	}{{9 * time.Minute, "23:59:00"}, {11 * time.Minute, "2026-11-28 00:01:00"}, {24 * time.Hour, "2026-11-28 23:50:00"}} {
		if got := clock(now.Add(tt.in).UTC(), now); got != tt.want {
			t.Errorf("in %s: %q, want %q", tt.in, got, tt.want)
		}
	}
}

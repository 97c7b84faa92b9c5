package site

import (
	"testing"
	"time"
)

func TestHowDrained(t *testing.T) {
	for want, d := range map[string]drained{
		"31 → 0 connections in 4.9s":                 {31, 0, 4900 * time.Millisecond},
		"31 → 2 connections in 61.0s, at most 2 cut": {31, 2, 61 * time.Second},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

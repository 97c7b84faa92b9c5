package site

import (
	"testing"
	"time"

	"edgeman/deployer/state"
)

func TestHowDrained(t *testing.T) {
	for want, d := range map[string]drained{
		"31 → 0 connections in 4.9s":                 {31, 4900 * time.Millisecond, state.Ended{}},
		"31 → 2 connections in 61.0s, at most 2 cut": {31, 61 * time.Second, state.Ended{Cut: 2, CutKinds: state.Kinds{Unknown: 2}}},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

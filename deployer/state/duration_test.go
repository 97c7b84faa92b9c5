package state

import (
	"testing"
	"time"
)

func TestLength(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h", 20 * time.Second: "20s",
		time.Hour + 30*time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m", 100 * time.Hour: "100h",
		10*time.Hour + 10*time.Minute: "10h10m", 1500 * time.Millisecond: "1.5s",
	} {
		if got := Length(d); got != want {
			t.Errorf("Length(%s) = %s, want %s", d, got, want)
		}
	}
}

package words

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

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 99 * time.Second: "99s", 100 * time.Second: "1m",
		99 * time.Minute: "99m", 100 * time.Minute: "1h40m", 47 * time.Hour: "47h00m", 75 * time.Hour: "3d03h",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%s) = %q, want %q", d, got, want)
		}
	}
}

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

package nginxconf

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	good := map[string]time.Duration{
		"60": time.Minute, "60s": time.Minute, "1m30s": 90 * time.Second, "1h 30m": 90 * time.Minute,
		"500ms": 500 * time.Millisecond, "1d": 24 * time.Hour, "2M": 60 * 24 * time.Hour, "0": 0,
	}
	for s, want := range good {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"s", "1x", "-1", "1.5s", "99999999999999", "2147483647y", "$t"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, got)
		}
	}
}

package state

import (
	"fmt"
	"time"

	"edgeman/deployer/words"
)

// Duration is a time.Duration written as in "90s" in a settings file.
type Duration time.Duration

// UnmarshalText reads Go's duration syntax; it refuses negative values.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as \"90s\" or \"5m\"", b)
	}
	if v < 0 {
		return fmt.Errorf("negative duration %q", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes Go's duration syntax.
func (d Duration) MarshalText() ([]byte, error) { return []byte(words.Length(time.Duration(d))), nil }

// unitless is the first setting that is a bare number, which TOML takes for
// nanoseconds, and nobody means by a duration.
func (a App) unitless() string {
	for _, s := range []struct {
		name string
		d    Duration
	}{
		{"idle", a.Idle},
		{"keep_warm", a.KeepWarm},
		{"drain.timeout", a.Drain.Timeout},
		{"start.timeout", a.Start.Timeout},
		{"proxy.park_timeout", a.Proxy.ParkTimeout},
	} {
		if s.d != 0 && time.Duration(s.d) < time.Millisecond {
			return s.name
		}
	}
	return ""
}

// Seconds is d in seconds for a record, to the millisecond.
func Seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

package state

import (
	"time"

	"edgeman/deployer/words"
)

// For the callers in serve, until they call words themselves.
func Clock(t time.Time) string         { return words.Clock(t) }
func Length(d time.Duration) string    { return words.Length(d) }
func Plural(n int, noun string) string { return words.Plural(n, noun) }

package check

import (
	"crypto/x509"
	"slices"
	"time"
)

const day = 24 * time.Hour

// limits are the times left below which an expiry is a warning and critical.
type limits struct{ warn, crit time.Duration }

func (s Settings) limits(c *x509.Certificate, by renewal, subjects ...string) limits {
	for _, o := range s.Certificates {
		if slices.Contains(subjects, o.Subject) {
			return limits{fraction(day, o.WarnDays), fraction(day, o.CritDays)}
		}
	}
	w := by.window(lifetime(c))
	return limits{fraction(w, s.WarnFactor), fraction(w, s.CritFactor)}
}

func fraction(d time.Duration, f float64) time.Duration {
	return time.Duration(float64(d) * f)
}

// judge is the severity of having left time until the end, or 0.
func (l limits) judge(left time.Duration) Severity {
	switch {
	case left < l.crit:
		return Critical
	case left < l.warn:
		return Warning
	}
	return 0
}

package check

import (
	"crypto/x509"
	"slices"
	"time"
)

const day = 24 * time.Hour

// renewal says who renews a certificate, as far as can be seen.
type renewal struct {
	before    time.Duration // renew_before_expiry of its lineage; 0 if unset
	fixed     time.Duration // the renewer's own fixed period (certbot < 4.0); 0 if it has none
	automated bool
}

// window is R: the time before the end at which renewal should have begun, for
// a certificate of lifetime l. Renewers that follow the lifetime act at a third
// of it, at half below ten days (Let's Encrypt's advice, certbot >= 4.0).
// Nothing may want more than half of the lifetime: a rule that fires at the
// renewal point or before it cries in every cycle.
func (r renewal) window(l time.Duration) time.Duration {
	w := l / 3
	if l < 10*day {
		w = l / 2
	}
	switch {
	case r.before > 0:
		w = r.before
	case r.fixed > 0:
		w = r.fixed
	case !r.automated:
		w = min(w, 30*day)
	}
	return min(w, l/2)
}

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

// lifetime of a certificate. Both ends are inclusive (RFC 5280, 4.1.2.5), which
// makes it a second longer than the difference; nobody renews by that second.
func lifetime(c *x509.Certificate) time.Duration { return c.NotAfter.Sub(c.NotBefore) }

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

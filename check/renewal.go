package check

import (
	"crypto/x509"
	"slices"
	"time"
)

// renewal says who renews a certificate, as far as can be seen.
type renewal struct {
	before    time.Duration // renew_before_expiry of its lineage; 0 if unset
	fixed     time.Duration // the renewer's own fixed period (certbot < 4.0); 0 if it has none
	automated bool
}

// renewal is what is known of who renews the certificates of a lineage, or those
// of none.
func (h *host) renewal(l *lineage) renewal {
	if l == nil {
		return renewal{}
	}
	r := renewal{before: l.before, automated: true}
	if h.certbot.version.Before(version{4, 0, 0}) {
		r.fixed = 30 * day // its constants.py; from 4.0 on it follows the lifetime
	}
	return r
}

// renewalOf is who renews the file that the leaf was served from, or a newer
// generation of it: one for the same names.
func (h *host) renewalOf(leaf *x509.Certificate) renewal {
	for _, c := range h.certs {
		if c.leaf() != nil && slices.Equal(sans(c.leaf()), sans(leaf)) {
			return h.renewal(c.lineage)
		}
	}
	return renewal{}
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

// lifetime of a certificate. Both ends are inclusive (RFC 5280, 4.1.2.5), which
// makes it a second longer than the difference; nobody renews by that second.
func lifetime(c *x509.Certificate) time.Duration { return c.NotAfter.Sub(c.NotBefore) }

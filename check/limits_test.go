package check

import (
	"crypto/x509"
	"fmt"
	"testing"
	"time"
)

// Every lifetime that is issued today or soon, at each threshold and one second
// to either side.
func TestExpiryThresholds(t *testing.T) {
	old := renewal{automated: true, fixed: 30 * day}
	following := renewal{automated: true}
	for _, row := range []struct {
		name   string
		life   time.Duration
		by     renewal
		window time.Duration
	}{
		{"200 days by hand", 200 * day, renewal{}, 30 * day},
		{"90 days", 90 * day, following, 30 * day},
		{"90 days by hand", 90 * day, renewal{}, 30 * day},
		{"90 days, certbot 2", 90 * day, old, 30 * day},
		{"64 days", 64 * day, following, 64 * day / 3},
		{"47 days", 47 * day, following, 47 * day / 3},
		{"45 days", 45 * day, following, 15 * day},
		{"45 days, certbot 2: capped at half", 45 * day, old, 45 * day / 2},
		{"160 hours", 160 * time.Hour, following, 80 * time.Hour},
		{"160 hours, certbot 2: capped at half", 160 * time.Hour, old, 80 * time.Hour},
		{"10 days is not below ten days", 10 * day, following, 10 * day / 3},
		{"renew_before_expiry wins", 90 * day, renewal{automated: true, before: 20 * day, fixed: 30 * day}, 20 * day},
		{"and is capped too", 45 * day, renewal{automated: true, before: 40 * day}, 45 * day / 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &x509.Certificate{NotBefore: base, NotAfter: base.Add(row.life)}
			if got := row.by.window(lifetime(c)); got != row.window {
				t.Fatalf("window %s, want %s", got, row.window)
			}
			l := Settings{}.withDefaults().limits(c, row.by, "x")
			warn, crit := time.Duration(0.7*float64(row.window)), time.Duration(0.35*float64(row.window))
			for left, want := range map[time.Duration]Severity{
				warn + time.Second: 0, warn: 0, warn - time.Second: Warning,
				crit + time.Second: Warning, crit: Warning, crit - time.Second: Critical,
			} {
				if got := l.judge(left); got != want {
					t.Errorf("%s left: %v, want %v", left, got, want)
				}
			}
		})
	}
}

// The same through a whole run, with the clock moved over a certificate.
func TestExpiryWithMovingClock(t *testing.T) {
	for _, total := range []time.Duration{160 * time.Hour, 45 * day, 64 * day, 90 * day, 200 * day} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			w, c := trusted(t)
			p := c.leaf(life{total, total}, "a.example.com")
			cert, key := w.store("site", p)
			w.http(site("a.example.com", cert, key))
			end := p.leaf.NotAfter
			window := renewal{}.window(total)
			warn, crit := time.Duration(0.7*float64(window)), time.Duration(0.35*float64(window))
			for _, step := range []struct {
				left    time.Duration
				code    string
				want    Severity
				explain string
			}{
				{window, "cert-expiring", 0, "renewal is due"},
				{warn + time.Second, "cert-expiring", 0, "before the warning"},
				{warn - time.Second, "cert-expiring", Warning, "warning"},
				{crit + time.Second, "cert-expiring", Warning, "before critical"},
				{crit - time.Second, "cert-expiring", Critical, "critical"},
				{0, "cert-expired", 0, "the last second counts"},
				{-time.Second, "cert-expired", Critical, "expired"},
			} {
				w.now = end.Add(-step.left)
				found := w.run().find(step.code)
				if step.want == 0 && len(found) > 0 || step.want != 0 && (len(found) != 1 || found[0].Severity != step.want) {
					t.Errorf("%s (%s left): %v, want %v", step.explain, step.left, found, step.want)
				}
			}
		})
	}
}

func TestAbsoluteThresholds(t *testing.T) {
	s := Settings{Certificates: []certificateSetting{{Subject: "a.example.com", WarnDays: 40, CritDays: 14}}}.withDefaults()
	c := &x509.Certificate{NotBefore: base, NotAfter: base.Add(200 * day)}
	if l := s.limits(c, renewal{}, "/etc/ssl/x.pem", "a.example.com"); l != (limits{40 * day, 14 * day}) {
		t.Errorf("got %v", l)
	}
	if l := s.limits(c, renewal{}, "b.example.com"); l != (limits{21 * day, 10*day + 12*time.Hour}) {
		t.Errorf("another certificate: got %v", l)
	}
}

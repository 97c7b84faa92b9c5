package check

import (
	"fmt"
	"time"
)

var ruleCertExpired = Rule{
	Code: "cert-expired", Title: "a certificate has expired", Worst: Critical,
	What: "The certificate on disk, or the one that is served, is past its last day.",
	Why:  "Every visitor gets an error page.",
	Fix:  "Renew it (`certbot renew --cert-name NAME`), then reload nginx. If only the one that is served has expired, a reload is enough.",
	look: certExpired,
}

func certExpired(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if left := p.leaf.NotAfter.Sub(h.now); left < 0 {
			report(p.finding(Critical,
				fmt.Sprintf("%s expired %s ago (%s)", p.where(), days(left), stamp(p.leaf.NotAfter)), p.renewHint()))
		}
	}
}

var ruleCertExpiring = Rule{
	Code: "cert-expiring", Title: "a certificate should have been renewed by now", Worst: Critical,
	What: "Less time is left than automatic renewal leaves when it works. The limit follows the certificate's lifetime: renewal is due at a third of it (half below ten days, 30 days for certbot older than 4.0, `renew_before_expiry` if set, 30 days if nobody automates it; never more than half the lifetime). Below 0.7 of that time it is a warning, below 0.35 critical. The same holds for each intermediate in the file.",
	Why:  "Lifetimes shrink: 200 days, then 100, then 47; some are 6 days. A fixed number of days is either noise or too late.",
	Fix:  "Find out why renewal did not happen: `certbot renew --cert-name NAME --dry-run`, `journalctl -u certbot`. The factors and absolute days for single certificates are set in edgeman.toml.",
	look: certExpiring,
}

func certExpiring(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		if !p.stale {
			h.certExpiringOf(p, report)
			h.certExpiringIssuer(p, report)
		}
	}
}

func (h *host) certExpiringOf(p presented, report func(Finding)) {
	left := p.leaf.NotAfter.Sub(h.now)
	s := h.opt.Settings.limits(p.leaf, p.by, append([]string{p.subject.Name}, p.sites...)...).judge(left)
	if left < 0 || s == 0 {
		return
	}
	late := p.by.window(lifetime(p.leaf)) - left
	f := p.finding(s, fmt.Sprintf("%s expires in %s (%s); renewal was due %s ago", p.where(), days(left), stamp(p.leaf.NotAfter), days(late)), p.renewHint())
	f.Evidence = append(f.Evidence, fact{"renewal_due", stamp(p.leaf.NotAfter.Add(-p.by.window(lifetime(p.leaf))))})
	report(f)
}

// certExpiringIssuer looks at the intermediates on the way to the root: the chain
// ends when the first of them does, however long the leaf goes on.
func (h *host) certExpiringIssuer(p presented, report func(Finding)) {
	for _, c := range p.chain[1:] {
		left := c.NotAfter.Sub(h.now)
		s := h.opt.Settings.limits(c, renewal{}).judge(left)
		if left < 0 || s == 0 || selfSigned(c) || !c.NotAfter.Before(p.leaf.NotAfter) {
			continue
		}
		f := p.finding(s, fmt.Sprintf("the intermediate %s in %s expires in %s, before the certificate itself", c.Subject, p.where(), days(left)), p.renewHint())
		f.Subject.Name += " intermediate"
		report(f)
		return
	}
}

var ruleCertNotYetValid = Rule{
	Code: "cert-not-yet-valid", Title: "a certificate is not valid yet", Worst: Critical,
	What: "The certificate's first day is in the future.",
	Why:  "Every visitor gets an error page. If it is off by less than an hour, this host's clock is the likelier culprit.",
	Fix:  "`timedatectl` shows whether the clock is right; otherwise install the certificate that is valid now.",
	look: certNotYetValid,
}

func certNotYetValid(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		wait := p.leaf.NotBefore.Sub(h.now)
		if wait <= 0 {
			continue
		}
		hint := "install the certificate that is valid now"
		if wait < time.Hour {
			hint = "timedatectl; the clock of this host may be slow"
		}
		report(p.finding(Critical,
			fmt.Sprintf("%s only becomes valid in %s (%s)", p.where(), days(wait), stamp(p.leaf.NotBefore)), hint))
	}
}

// lifetimeLimits are the CA/Browser Forum's steps (ballot SC-081v3).
var lifetimeLimits = []struct {
	from time.Time
	days int
}{
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200},
}

var ruleCertLifetimeUnusual = Rule{
	Code: "cert-lifetime-unusual", Title: "a public certificate is valid for longer than browsers accept", Worst: Warning, Needs: []need{needHandshake},
	What: "A certificate that leads to a public root is valid for more than 200 days (issued since 2026-03-15), 100 (2027-03-15) or 47 (2029-03-15).",
	Why:  "Browsers refuse it.",
	Fix:  "Have a shorter one issued.",
	look: certLifetime,
}

func certLifetime(h *host, report func(Finding)) {
	for _, p := range h.presented() {
		limit := lifetimeLimit(p.leaf.NotBefore)
		if limit == 0 || lifetime(p.leaf) <= limit+time.Second || h.roots == nil || h.distrust(p) != nil {
			continue
		}
		report(p.finding(Warning,
			fmt.Sprintf("%s is valid for %s; browsers accept %s", p.where(), days(lifetime(p.leaf)), days(limit)), "have a shorter one issued"))
	}
}

func lifetimeLimit(issued time.Time) time.Duration {
	for _, l := range lifetimeLimits {
		if !issued.Before(l.from) {
			return time.Duration(l.days) * day
		}
	}
	return 0
}

package check

import (
	"fmt"
	"strings"
)

var ruleRenewConfBroken = Rule{
	Code: "renew-conf-broken", Title: "certbot will skip a certificate", Worst: Critical, Needs: []need{needLineages},
	What: "The renewal file cannot be parsed, one of the four links in live/ is not a link into archive/ or leads to nothing, or leads to an older generation than the newest in archive/.",
	Why:  "certbot skips such a lineage with one line in its log and exits as usual. It is critical once renewal is due.",
	Fix:  "`certbot certificates` names what it cannot read; `certbot update_symlinks` repairs links.",
	look: renewConfBroken,
}

func renewConfBroken(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		why := ""
		if l.err != nil {
			why = fmt.Sprintf("%s: %v", l.conf, plainError(l.err))
		} else {
			why = h.brokenLink(l)
		}
		if why == "" {
			continue
		}
		severity := Warning
		if h.due(l) {
			severity = Critical
		}
		report(h.lineageFinding(l, severity, why, "certbot certificates; certbot update_symlinks"))
	}
}

var ruleRenewWrongLineage = Rule{
	Code: "renew-wrong-lineage", Title: "nginx uses an old lineage and certbot renews another", Worst: Warning, Needs: []need{needConfig, needLineages},
	What: "nginx names live/NAME, and there is a newer lineage such as NAME-0001 that covers the same names.",
	Why:  "certbot makes a second lineage when the set of names changes. Both are renewed for a while, but renewal of the one that nginx uses may stop any day.",
	Fix:  "Point nginx at the newer one and reload, then `certbot delete --cert-name` the old one.",
	look: renewWrongLineage,
}

func renewWrongLineage(h *host, report func(Finding)) {
	for _, used := range h.lineages {
		if !used.used || used.leaf == nil {
			continue
		}
		for _, other := range h.lineages {
			if other == used || other.used || other.leaf == nil || !related(used.name, other.name) {
				continue
			}
			if coversAll(other.leaf, used.leaf) && other.leaf.NotAfter.After(used.leaf.NotAfter) {
				report(h.lineageFinding(used, Warning,
					fmt.Sprintf("nginx uses the lineage %s, good until %s, and %s covers the same names until %s",
						used.name, stamp(used.leaf.NotAfter), other.name, stamp(other.leaf.NotAfter)),
					fmt.Sprintf("point nginx at %s and reload it, then certbot delete --cert-name %s", other.files["fullchain"], used.name)))
			}
		}
	}
}

var ruleRenewStaging = Rule{
	Code: "renew-staging", Title: "a certificate comes from a staging server", Worst: Warning, Needs: []need{needLineages},
	What: "The lineage's ACME server is a staging one.",
	Why:  "No visitor trusts its certificates.",
	Fix:  "`certbot renew --cert-name NAME --server https://acme-v02.api.letsencrypt.org/directory --force-renewal`",
	look: renewStaging,
}

func renewStaging(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if strings.Contains(l.params["server"], "staging") {
			report(h.lineageFinding(l, Warning, fmt.Sprintf("%s is renewed by the staging server %s", l.name, clean(l.params["server"])),
				"certbot renew --cert-name "+l.name+" --server https://acme-v02.api.letsencrypt.org/directory --force-renewal"))
		}
	}
}

var ruleRenewEveryRun = Rule{
	Code: "renew-every-run", Title: "certbot renews a short certificate on every run", Worst: Warning, Needs: []need{needLineages},
	What: "certbot older than 4.0 renews 30 days before the end, and this certificate is not valid for longer than that.",
	Why:  "Every run gets a new one issued, until the authority's rate limit stops it.",
	Fix:  "Set `renew_before_expiry` in the lineage's renewal file, or upgrade certbot.",
	look: renewEveryRun,
}

func renewEveryRun(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if l.leaf != nil && l.before == 0 && h.certbot.version.Before(version{4, 0, 0}) && lifetime(l.leaf) <= 30*day {
			report(h.lineageFinding(l, Warning,
				fmt.Sprintf("certbot %s renews %s on every run: it is valid for %s, and certbot starts 30 days before the end", h.certbot.version, l.name, days(lifetime(l.leaf))),
				fmt.Sprintf("set renew_before_expiry = %d days in %s", max(1, int(lifetime(l.leaf).Hours()/24/2)), l.conf)))
		}
	}
}

var ruleRenewDisabled = Rule{
	Code: "renew-disabled", Title: "renewal is switched off for a certificate", Worst: Notice, Needs: []need{needLineages},
	What: "The lineage's renewal file says `autorenew = False`.",
	Why:  "It will expire unless somebody renews it by hand.",
	Fix:  "Remove the line if it should be renewed.",
	look: renewDisabled,
}

func renewDisabled(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if v := l.files["autorenew"] + l.params["autorenew"]; strings.EqualFold(v, "false") {
			report(h.lineageFinding(l, Notice, l.name+" is not renewed: autorenew = False", "remove autorenew from "+l.conf))
		}
	}
}

package check

import (
	"fmt"
	"regexp"
	"slices"
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
		why := h.broken(l)
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
			if certCoversAll(other.leaf, used.leaf) && other.leaf.NotAfter.After(used.leaf.NotAfter) {
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

var ruleRenewWillFail = Rule{
	Code: "renew-will-fail", Title: "the next renewal cannot work", Worst: Warning, Needs: []need{needLineages},
	What: "The lineage renews standalone while nginx holds port 80, its webroot is gone, or the plugin it needs is not installed.",
	Why:  "It will fail weeks from now, when nobody remembers the change.",
	Fix:  "`certbot reconfigure --cert-name NAME` with a method that works now (`--nginx`, or `--webroot -w DIR`), then `certbot renew --dry-run`.",
	look: renewWillFail,
}

func renewWillFail(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if l.err != nil {
			continue
		}
		if why, hint := h.cannotRenew(l); why != "" {
			report(h.lineageFinding(l, Warning, why, hint))
		}
	}
}

func (h *host) cannotRenew(l *lineage) (why, hint string) {
	auth := l.params["authenticator"]
	switch {
	case auth == "standalone" && h.nginxHoldsHTTP() && !strings.Contains(l.params["pre_hook"], "nginx"):
		return l.name + " renews standalone, which needs port 80, and nginx holds it", "certbot reconfigure --cert-name " + l.name + " --nginx"
	case auth == "webroot":
		for domain, root := range l.roots() {
			if info, err := h.env.FS.Stat(root); err != nil || !info.IsDir() {
				return fmt.Sprintf("the webroot %s of %s (%s) is gone", root, l.name, domain), "certbot reconfigure --cert-name " + l.name + " --webroot -w DIRECTORY"
			}
		}
	}
	if p := plugin(auth); p != "" && !h.installed(p) {
		return fmt.Sprintf("%s renews with %s, which is not installed", l.name, auth), "apt-get install python3-certbot-" + auth
	}
	return "", ""
}

// roots are the directories of a webroot lineage, by domain.
func (l *lineage) roots() map[string]string {
	if len(l.webroots) > 0 {
		return l.webroots
	}
	out := map[string]string{}
	for _, p := range strings.Split(l.params["webroot_path"], ",") {
		if p = strings.TrimSpace(p); p != "" {
			out["all names"] = p
		}
	}
	return out
}

// nginxHoldsHTTP reports whether the running nginx is configured for port 80.
func (h *host) nginxHoldsHTTP() bool {
	return h.nginx.Running && slices.ContainsFunc(h.servers, func(s *server) bool {
		return slices.ContainsFunc(s.listens, func(l listen) bool { return l.port == "80" })
	})
}

// reloads is what a command that makes nginx read its certificates looks like.
var reloads = regexp.MustCompile(`nginx|edgeman|openresty`)

var ruleRenewNoReload = Rule{
	Code: "renew-no-reload", Title: "nothing reloads nginx after a renewal", Worst: Warning, Needs: []need{needConfig, needLineages},
	What: "The lineage is not installed by certbot's nginx plugin, has no deploy or post hook, and there is no executable hook in renewal-hooks/deploy or /post. A hook that does not mention nginx is a notice.",
	Why:  "nginx keeps serving the old certificate until somebody reloads it by chance.",
	Fix:  "`certbot reconfigure --cert-name NAME --deploy-hook 'systemctl reload nginx'` (2.3 or newer), or put an executable script with that line into /etc/letsencrypt/renewal-hooks/deploy.",
	look: renewNoReload,
}

func renewNoReload(h *host, report func(Finding)) {
	for _, l := range h.lineages {
		if !l.used || l.err != nil || l.params["installer"] == "nginx" {
			continue
		}
		own := strings.TrimSpace(l.hookText() + " " + h.certbot.cli["deploy-hook"] + h.certbot.cli["post-hook"])
		hooks, reloading := 0, reloads.MatchString(own)
		if own != "" {
			hooks++
		}
		for _, k := range h.certbot.hooks {
			hooks++
			reloading = reloading || reloads.MatchString(k.text) || !strings.HasPrefix(k.text, "#!")
		}
		if reloading {
			continue
		}
		severity, what := Warning, "there is no hook that reloads nginx after a renewal of "+l.name
		if hooks > 0 {
			severity, what = Notice, "no hook that runs after a renewal of "+l.name+" mentions nginx"
		}
		report(h.lineageFinding(l, severity, what,
			`printf '#!/bin/sh\nsystemctl reload nginx\n' > `+h.env.Certbot+`/renewal-hooks/deploy/nginx && chmod 755 `+h.env.Certbot+`/renewal-hooks/deploy/nginx`))
	}
}

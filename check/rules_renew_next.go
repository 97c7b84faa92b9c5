package check

import (
	"fmt"
	"regexp"
	"strings"
)

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
	for _, s := range h.servers {
		for _, l := range s.listens {
			if h.nginx.Running && l.port == "80" {
				return true
			}
		}
	}
	return false
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

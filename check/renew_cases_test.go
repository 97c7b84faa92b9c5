package check

import (
	"fmt"
	"strings"
	"time"
)

// certbotted makes a lineage as certbot 4 leaves it and a server that uses it;
// params go into [renewalparams].
func certbotted(w *world, c *ca, name string, p pair, params string) {
	w.lineage(name, p, params, 1)
	w.http(site(strings.Join(p.leaf.DNSNames, " "), letsencrypt+"/live/"+name+"/fullchain.pem", letsencrypt+"/live/"+name+"/privkey.pem"))
	w.serves("127.0.0.1:443", p)
	w.units["certbot.timer"] = Unit{Active: "active", FileState: "enabled", NextRun: base.Add(10 * time.Hour), LastRun: base.Add(-10 * time.Hour)}
	w.units["certbot.service"] = Unit{Active: "inactive", Result: "success"}
	w.write("/usr/lib/python3/dist-packages/certbot-4.0.0.dist-info/METADATA", "")
	w.write("/usr/lib/python3/dist-packages/certbot_nginx/__init__.py", "")
}

// lineage writes the files of generation n of a lineage and points live at it.
func (w *world) lineage(name string, p pair, params string, n int) {
	w.t.Helper()
	live, archive := letsencrypt+"/live/"+name, letsencrypt+"/archive/"+name
	conf := "version = 4.0.0\narchive_dir = " + archive + "\n"
	texts := map[string]string{
		"cert": pair{chain: p.chain[:1]}.pem(), "privkey": p.keyPEM(w.t), "chain": pair{chain: p.chain[1:]}.pem(), "fullchain": p.pem(),
	}
	for _, f := range lineageFiles {
		w.writeMode(fmt.Sprintf("%s/%s%d.pem", archive, f, n), texts[f], 0o600)
		w.link(fmt.Sprintf("../../archive/%s/%s%d.pem", name, f, n), live+"/"+f+".pem")
		conf += f + " = " + live + "/" + f + ".pem\n"
	}
	w.write(letsencrypt+"/renewal/"+name+".conf", conf+"\n# Options used in the renewal process\n[renewalparams]\nserver = https://acme-v02.api.letsencrypt.org/directory\n"+params+"\n")
}

const byNginx = "authenticator = nginx\ninstaller = nginx"

func renewCases() []scenario {
	lineage := func(l life, params string, change func(w *world, c *ca)) func(*world, *ca) {
		return func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(l, "a.example.com"), params)
			if change != nil {
				change(w, c)
			}
		}
	}
	none := func(*world, *ca) {}
	var out []scenario
	for _, code := range []string{
		"renew-conf-broken", "renew-timer-off", "renew-last-failed", "renew-wrong-lineage", "renew-no-reload",
		"renew-will-fail", "renew-staging", "renew-every-run", "renew-disabled", "cert-unused", "check-blind",
	} {
		out = append(out,
			scenario{code, "a healthy lineage", 0, lineage(fresh, byNginx, nil)},
			scenario{code, "no certbot at all", 0, none})
	}
	return append(out, []scenario{
		{"cert-unused", "nobody names it", Notice, func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(fresh, "a.example.com"), byNginx)
			w.lineage("b.example.com", c.leaf(fresh, "b.example.com"), byNginx, 1)
		}},
		{"renew-conf-broken", "unparsable", Warning, lineage(fresh, "", func(w *world, _ *ca) {
			w.write(letsencrypt+"/renewal/a.example.com.conf", "what is this\n")
		})},
		{"renew-conf-broken", "a file where a link belongs", Warning, lineage(fresh, byNginx, func(w *world, c *ca) {
			w.must(w.env.Remove(letsencrypt + "/live/a.example.com/chain.pem"))
			w.write(letsencrypt+"/live/a.example.com/chain.pem", "x")
		})},
		{"renew-conf-broken", "link to nothing", Warning, lineage(fresh, byNginx, func(w *world, c *ca) {
			w.link("../../archive/a.example.com/privkey7.pem", letsencrypt+"/live/a.example.com/privkey.pem")
		})},
		{"renew-conf-broken", "older generation, and due", Critical, func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(life{90 * day, 20 * day}, "a.example.com"), byNginx)
			w.writeMode(letsencrypt+"/archive/a.example.com/fullchain2.pem", "x", 0o600)
		}},
		{"renew-timer-off", "inactive", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) { w.units["certbot.timer"] = Unit{Active: "inactive"} })},
		{"renew-timer-off", "absent, and due", Critical, lineage(life{90 * day, 20 * day}, byNginx, func(w *world, _ *ca) { delete(w.units, "certbot.timer") })},
		{"renew-timer-off", "next run too late", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) {
			w.units["certbot.timer"] = Unit{Active: "active", NextRun: base.Add(25*time.Hour + time.Minute)}
		})},
		{"renew-timer-off", "Debian's cron entry stands aside", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) {
			delete(w.units, "certbot.timer")
			w.write("/etc/cron.d/certbot", "# comment certbot\n0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew\n")
		})},
		{"renew-timer-off", "own cron entry", 0, lineage(fresh, byNginx, func(w *world, _ *ca) {
			delete(w.units, "certbot.timer")
			w.write("/etc/cron.daily/renew", "#!/bin/sh\ncertbot renew -q\n")
		})},
		{"renew-timer-off", "Debian's cron entry without systemd", 0, lineage(fresh, byNginx, func(w *world, _ *ca) {
			w.env.Units = nil
			w.write("/etc/cron.d/certbot", "0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew\n")
		})},
		{"renew-timer-off", "neither systemd nor cron", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) { w.env.Units = nil })},
		{"renew-timer-off", "the snap's timer", 0, lineage(fresh, byNginx, func(w *world, _ *ca) {
			delete(w.units, "certbot.timer")
			w.units["snap.certbot.renew.timer"] = Unit{Active: "active", NextRun: base.Add(time.Hour)}
		})},
		{"renew-last-failed", "unit failed", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) { w.units["certbot.service"] = Unit{Active: "failed", Result: "exit-code"} })},
		{"renew-last-failed", "unit failed, and soon to expire", Critical, lineage(life{90 * day, 20 * day}, byNginx, func(w *world, _ *ca) { w.units["certbot.service"] = Unit{Active: "failed", Result: "exit-code"} })},
		{"renew-last-failed", "no run for two days", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) {
			w.units["certbot.timer"] = Unit{Active: "active", NextRun: base.Add(time.Hour), LastRun: base.Add(-50 * time.Hour)}
		})},
		{"renew-wrong-lineage", "-0001 is newer", Warning, func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(life{90 * day, 40 * day}, "a.example.com"), byNginx)
			w.lineage("a.example.com-0001", c.leaf(life{90 * day, 80 * day}, "a.example.com", "www.a.example.com"), byNginx, 1)
		}},
		{"renew-wrong-lineage", "-0001 covers other names", 0, func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(life{90 * day, 40 * day}, "a.example.com"), byNginx)
			w.lineage("a.example.com-0001", c.leaf(life{90 * day, 80 * day}, "www.a.example.com"), byNginx, 1)
		}},
		{"renew-wrong-lineage", "-0001 is older", 0, func(w *world, c *ca) {
			certbotted(w, c, "a.example.com", c.leaf(life{90 * day, 40 * day}, "a.example.com"), byNginx)
			w.lineage("a.example.com-0001", c.leaf(life{90 * day, 30 * day}, "a.example.com"), byNginx, 1)
		}},
		{"renew-no-reload", "no hook", Warning, lineage(fresh, "authenticator = webroot\nwebroot_path = /var/www", none)},
		{"renew-no-reload", "hook not executable", Warning, lineage(fresh, "authenticator = webroot", func(w *world, _ *ca) {
			w.writeMode(letsencrypt+"/renewal-hooks/deploy/nginx", "#!/bin/sh\nsystemctl reload nginx\n", 0o644)
		})},
		{"renew-no-reload", "hook about something else", Notice, lineage(fresh, "authenticator = webroot", func(w *world, _ *ca) {
			w.writeMode(letsencrypt+"/renewal-hooks/deploy/mail", "#!/bin/sh\nsystemctl reload postfix\n", 0o755)
		})},
		{"renew-no-reload", "hook", 0, lineage(fresh, "authenticator = webroot", func(w *world, _ *ca) {
			w.writeMode(letsencrypt+"/renewal-hooks/post/nginx", "#!/bin/sh\nsystemctl reload nginx\n", 0o755)
		})},
		{"renew-no-reload", "renew_hook", 0, lineage(fresh, "authenticator = webroot\nrenew_hook = systemctl reload nginx", none)},
		{"renew-no-reload", "for all in cli.ini", 0, lineage(fresh, "authenticator = webroot", func(w *world, _ *ca) {
			w.write(letsencrypt+"/cli.ini", "deploy-hook = nginx -s reload\n")
		})},
		{"renew-will-fail", "webroot gone", Warning, lineage(fresh, "authenticator = webroot\nwebroot_path = /var/www/gone,\n[[webroot_map]]\na.example.com = /var/www/gone", none)},
		{"renew-will-fail", "standalone behind nginx", Warning, lineage(fresh, "authenticator = standalone", func(w *world, _ *ca) {
			w.http("server { listen 80; server_name a.example.com; }")
		})},
		{"renew-will-fail", "plugin not installed", Warning, lineage(fresh, "authenticator = dns-cloudflare", none)},
		{"renew-will-fail", "webroot there", 0, lineage(fresh, "authenticator = webroot\n[[webroot_map]]\na.example.com = /var/www/a", func(w *world, _ *ca) {
			w.write("/var/www/a/index.html", "")
		})},
		{"renew-will-fail", "standalone, and nginx is stopped for it", 0, lineage(fresh, "authenticator = standalone\npre_hook = systemctl stop nginx", func(w *world, _ *ca) {
			w.http("server { listen 80; server_name a.example.com; }")
		})},
		{"renew-staging", "staging", Warning, lineage(fresh, byNginx, func(w *world, _ *ca) {
			w.write(letsencrypt+"/renewal/a.example.com.conf", strings.ReplaceAll(w.text(letsencrypt+"/renewal/a.example.com.conf"), "acme-v02", "acme-staging-v02"))
		})},
		{"renew-every-run", "30 days and certbot 2.1", Warning, lineage(life{30 * day, 20 * day}, byNginx, oldCertbot)},
		{"renew-every-run", "told when to", 0, lineage(life{30 * day, 20 * day}, byNginx, func(w *world, c *ca) {
			oldCertbot(w, c)
			w.write(letsencrypt+"/renewal/a.example.com.conf", "renew_before_expiry = 10 days\n"+w.text(letsencrypt+"/renewal/a.example.com.conf"))
		})},
		{"renew-every-run", "31 days", 0, lineage(life{31 * day, 20 * day}, byNginx, oldCertbot)},
		{"renew-disabled", "autorenew", Notice, lineage(fresh, byNginx+"\nautorenew = False", none)},
	}...)
}

func oldCertbot(w *world, _ *ca) {
	w.must(w.env.Remove("/usr/lib/python3/dist-packages/certbot-4.0.0.dist-info/METADATA"))
	w.must(w.env.Remove("/usr/lib/python3/dist-packages/certbot-4.0.0.dist-info"))
	w.write("/usr/lib/python3/dist-packages/certbot-2.1.0.egg-info/PKG-INFO", "")
}

func (w *world) text(path string) string {
	w.t.Helper()
	data, err := w.env.FS.ReadFile(path)
	w.must(err)
	return string(data)
}

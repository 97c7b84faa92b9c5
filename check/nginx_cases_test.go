package check

import (
	"context"
	"errors"
	"time"

	"github.com/pelletier/go-toml/v2"

	"edgeman/deployer/nginx"
)

func nginxCases() []scenario {
	tcp := func(inode string) string {
		return "sl local\n   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 0 100 0 0 10 0\n"
	}
	port80 := "server { listen 80; server_name a.example.com; }"
	edit := func(age time.Duration) func(*world, *ca) {
		return func(w *world, _ *ca) { w.touch("/etc/nginx/nginx.conf", base.Add(-age)) }
	}
	emergency := func(at string) func(*world, *ca) {
		return func(w *world, _ *ca) {
			w.write("/etc/nginx/nginx.conf", "error_log /var/log/nginx/error.log;\nevents {}\nhttp {}\n")
			w.touch("/etc/nginx/nginx.conf", base.Add(-time.Minute))
			w.write("/var/log/nginx/error.log", at+" [emerg] 4711#4711: bind() to 0.0.0.0:80 failed (98: Address already in use)\n")
		}
	}
	local := func(t time.Time) string { return t.In(time.Local).Format("2006/01/02 15:04:05") }
	return []scenario{
		{"nginx-config-invalid", "refused", Critical, func(w *world, _ *ca) {
			w.testErr = &nginx.ConfigError{Message: nginx.Message{Level: "emerg", Text: `unknown directive "x"`, File: "/etc/nginx/nginx.conf", Line: 3}}
		}},
		{"nginx-config-invalid", "valid", 0, func(*world, *ca) {}},
		{"nginx-config-invalid", "not root", 0, func(w *world, _ *ca) {
			w.env.Euid = 1000
			w.testErr = &nginx.ConfigError{Message: nginx.Message{Level: "emerg", Text: "permission denied"}}
		}},
		{"nginx-config-invalid", "read-only host", 0, func(w *world, _ *ca) {
			w.testErr = readOnlyError("the configuration file /etc/nginx/nginx.conf syntax is ok")
		}},
		{"nginx-config-invalid", "read-only and broken", Critical, func(w *world, _ *ca) { w.testErr = readOnlyError("") }},
		{"check-blind", "read-only host", 0, func(w *world, _ *ca) { w.testErr = readOnlyError("syntax is ok") }},
		{"nginx-not-running", "stopped", Critical, func(w *world, _ *ca) { w.facts.Running, w.facts.Workers = false, nil }},
		{"nginx-not-running", "runs", 0, func(*world, *ca) {}},
		{"nginx-not-enabled", "disabled", Warning, func(w *world, _ *ca) {
			w.units["nginx.service"] = Unit{Active: "active", FileState: "disabled"}
		}},
		{"nginx-not-enabled", "enabled", 0, func(w *world, _ *ca) {
			w.units["nginx.service"] = Unit{Active: "active", FileState: "enabled"}
		}},
		{"nginx-stale-workers", "edited since", Warning, edit(time.Minute)},
		{"nginx-stale-workers", "new link to an old site", Warning, func(w *world, _ *ca) {
			w.http("include /etc/nginx/sites-enabled/*;")
			w.write("/etc/nginx/sites-available/a", port80)
			w.link("../sites-available/a", "/etc/nginx/sites-enabled/a")
			w.touch("/etc/nginx/sites-enabled/a", base.Add(-time.Minute))
		}},
		{"nginx-stale-workers", "only a worker that is leaving is older", 0, func(w *world, c *ca) {
			w.facts.Workers = []nginx.Worker{
				{Process: nginx.Process{PID: 1, Start: base.Add(-3 * time.Hour)}, Leaving: true},
				{Process: nginx.Process{PID: 2, Start: base.Add(-time.Minute)}},
			}
			edit(time.Hour)(w, c)
		}},
		{"nginx-stale-workers", "mode changed only", Notice, func(w *world, _ *ca) {
			start := time.Now().Add(-time.Hour) // inode change times are real
			w.facts.Workers[0].Start = start
			w.touch("/etc/nginx/nginx.conf", start.Add(-time.Hour))
		}},
		{"nginx-stale-workers", "reload failed", Critical, emergency(local(base.Add(-30 * time.Second)))},
		{"nginx-stale-workers", "older emergency", Warning, emergency(local(base.Add(-2 * time.Hour)))},
		{"nginx-stale-workers", "loaded", 0, edit(2 * time.Hour)},
		{"nginx-stale-workers", "edited while it started", 0, edit(time.Hour - 100*time.Millisecond)},
		{"nginx-stale-workers", "edited in the second after the start", Warning, edit(time.Hour - time.Second)},
		{"nginx-port-conflict", "held by another", Critical, func(w *world, _ *ca) {
			w.http(port80)
			w.write("/proc/4711/net/tcp", tcp("900"))
			w.link("socket:[901]", "/proc/4711/fd/6")
		}},
		{"nginx-port-conflict", "held by nginx", 0, func(w *world, _ *ca) {
			w.http(port80)
			w.write("/proc/4711/net/tcp", tcp("900"))
			w.link("socket:[900]", "/proc/4711/fd/6")
		}},
		{"nginx-port-conflict", "descriptors unreadable", 0, func(w *world, _ *ca) {
			w.http(port80)
			w.write("/proc/4711/net/tcp", tcp("900"))
		}},
		{"nginx-not-listening", "new port", Critical, func(w *world, _ *ca) {
			w.http(port80 + "server { listen 8443; }")
			w.write("/proc/4711/net/tcp", tcp("900"))
			w.link("socket:[900]", "/proc/4711/fd/6")
		}},
		{"nginx-not-listening", "covered by the wildcard", 0, func(w *world, _ *ca) {
			w.http(port80 + "server { listen 192.0.2.1:80; }")
			w.write("/proc/4711/net/tcp", tcp("900"))
			w.link("socket:[900]", "/proc/4711/fd/6")
		}},
		{"nginx-warn", "conflicting name", Warning, func(w *world, _ *ca) {
			w.warnings = []nginx.Message{{Level: "warn", Text: `conflicting server name "a.example.com" on 0.0.0.0:80, ignored`}}
		}},
		{"nginx-warn", "another", Notice, func(w *world, _ *ca) {
			w.warnings = []nginx.Message{{Level: "warn", Text: `"ssl_stapling" ignored, no OCSP responder URL in the certificate`}}
		}},
		{"nginx-warn", "said with both lines already", 0, func(w *world, _ *ca) {
			w.http(port80 + port80)
			w.warnings = []nginx.Message{{Level: "warn", Text: `conflicting server name "a.example.com" on 0.0.0.0:80, ignored`}}
		}},
		{"ignore-expired", "past", Notice, func(w *world, _ *ca) { w.opt.Settings.Ignore = []ignore{{"cert-expired", "", "x", date(2035, 5, 31)}} }},
		{"ignore-expired", "today", 0, func(w *world, _ *ca) { w.opt.Settings.Ignore = []ignore{{"cert-expired", "", "x", date(2035, 6, 1)}} }},
		{"check-blind", "not root", Unknown, func(w *world, _ *ca) { w.env.Euid = 1000 }},
		{"check-blind", "Docker does not answer", Unknown, func(w *world, _ *ca) { w.env.Docker = broken{} }},
		{"check-blind", "systemd does not answer", Unknown, func(w *world, _ *ca) { w.env.Units = broken{} }},
		{"check-blind", "an unknown site", Unknown, func(w *world, _ *ca) { w.opt.Sites = []string{"tpyo.example.com"} }},
		{"check-blind", "a configuration that cannot be read", Unknown, func(w *world, _ *ca) { w.write("/etc/nginx/nginx.conf", "http {") }},
		{"check-blind", "everything seen", 0, func(*world, *ca) {}},
		{"check-blind", "no Docker here", 0, func(w *world, _ *ca) { w.env.Docker = nil }},
	}
}

func readOnlyError(output string) error {
	return &nginx.ConfigError{
		Message: nginx.Message{Level: "emerg", Text: `open() "/run/nginx.pid" failed (30: Read-only file system)`}, Output: output,
	}
}

func date(y, m, d int) toml.LocalDate { return toml.LocalDate{Year: y, Month: m, Day: d} }

type broken struct{}

func (broken) HasImage(context.Context, string) (bool, error) { return false, errors.New("broken") }

func (broken) Containers(context.Context) ([]Container, error) {
	return nil, errors.New("connection refused")
}

func (broken) Unit(context.Context, string) (Unit, error) {
	return Unit{}, errors.New("connection refused")
}

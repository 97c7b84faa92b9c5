package check

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
)

// host is everything that one run could see. It is filled by gather and only
// read by the rules, except for the answers that it remembers.
type host struct {
	ctx context.Context
	env Env
	opt Options
	now time.Time

	has   map[need]bool
	blind []Finding
	text  map[string][]string
	real  map[string]string
	units map[string]Unit

	silent   bool // systemd did not answer
	nginx    nginx.Facts
	version  version // of nginx
	warnings []nginx.Message
	refused  *nginx.ConfigError
	config   *nginxconf.Config
	root     *node // the main level of the configuration; nil if it was not read
	included *includes
	servers  []*server
	certs    []*certificate
	lineages []*lineage
	certbot  certbot
	shakes   []*handshake
	roots    *x509.CertPool

	containers []Container
	apps       []app
	unread     []string // apps whose records cannot be read
	upstreams  []*upstream
	listening  *listening
	beside     map[string][]Finding // what others have done to apps' containers, by code; nil until it is asked for
}

// gather looks at everything once. A source that fails is noted and left out.
func gather(ctx context.Context, env Env, opt Options) *host {
	h := &host{
		ctx: ctx, env: env, opt: opt, now: env.Now(),
		has:  map[need]bool{needUnits: env.Units != nil},
		text: map[string][]string{}, real: map[string]string{}, units: map[string]Unit{},
	}
	if env.Euid != 0 {
		h.blindTo("host", env.Host, "not root: private keys, edgeman's records, sockets, the nginx test and other users' processes cannot be seen", "run it as root")
	}
	h.gatherNginx()
	h.gatherRoots()
	if h.root != nil {
		h.servers = servers(h.root)
		h.collectCertificates()
		h.collectUpstreams()
	}
	h.collectLineages()
	h.refresh()
	h.shake()
	h.noteUnreadable()
	for _, s := range h.unknownSites() {
		h.blindTo("site", s, fmt.Sprintf("there is no site, app or enabled site file %q", clean(s)), "edgeman check without arguments looks at everything")
	}
	return h
}

// refresh asks again for what can change within seconds.
func (h *host) refresh() {
	h.beside = nil
	clear(h.units)
	h.listening = h.readListening()
	h.gatherApps()
	if h.env.Docker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, dockerWait)
	defer cancel()
	containers, err := h.env.Docker.Containers(ctx)
	if err != nil {
		h.blindTo("docker", "docker", fmt.Sprintf("Docker does not answer: %v", err), dockerHint)
		h.has[needDocker] = false
		return
	}
	h.containers, h.has[needDocker] = containers, true
}

func (h *host) gatherNginx() {
	if h.env.Nginx == nil {
		return
	}
	facts, err := h.env.Nginx.Facts(h.ctx)
	if err != nil {
		h.blindTo("nginx", "nginx", fmt.Sprintf("nginx cannot be asked: %v", err), "")
		return
	}
	h.nginx = facts
	// Without root another user's master is not recognised, so that none was
	// found means nothing.
	h.has[needProcess] = facts.Running || h.env.Euid == 0
	h.version, _ = nginxconf.ParseVersion(facts.Version)
	seen := &includes{FS: h.env.FS}
	config, err := nginxconf.Load(seen, facts.Main)
	if err != nil {
		h.blindTo("file", facts.Main, fmt.Sprintf("the nginx configuration cannot be read: %v", err), "nginx -t names the line")
	} else {
		h.config, h.root, h.included, h.has[needConfig] = config, config.Root(), seen, true
	}
	if h.env.Euid == 0 { // else nginx -t fails on the pid file and the keys, whatever the configuration
		h.testNginx()
	}
}

func (h *host) gatherRoots() {
	if h.env.Roots == nil {
		return
	}
	roots, err := h.env.Roots()
	if err != nil {
		h.blindTo("host", "ca-certificates", fmt.Sprintf("the trusted authorities cannot be read: %v", err), "apt-get install ca-certificates")
		return
	}
	h.roots = roots.Clone()
	for _, file := range h.opt.Settings.TrustedCA {
		data, err := h.env.FS.ReadFile(file)
		if err != nil || !h.roots.AppendCertsFromPEM(data) {
			h.blindTo("file", file, "trusted_ca "+file+" cannot be read as PEM, so chains are not judged", "correct check.trusted_ca in edgeman.toml")
			h.roots = nil
			return
		}
	}
}

func (h *host) gatherApps() {
	if h.env.Apps == nil {
		return
	}
	apps, err := h.env.Apps()
	h.apps, h.unread, h.has[needApps] = apps, nil, true
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		var app *appError
		switch {
		case errors.As(err, &app):
			h.unread = append(h.unread, app.App)
			if !h.refusedToUser(err) {
				h.blindTo("app", app.App, fmt.Sprintf("edgeman's own records of %s cannot be read: %v", app.App, app.Err), recordsHint(err))
			}
		case err != nil:
			h.blindTo("app", "edgeman", fmt.Sprintf("edgeman's own records cannot be read: %v", err), recordsHint(err))
			h.has[needApps] = false
		}
	}
}

// refusedToUser reports whether something cannot be seen only because check does
// not run as root, which is said once and not for each thing.
func (h *host) refusedToUser(err error) bool {
	return h.env.Euid != 0 && errors.Is(err, fs.ErrPermission)
}

// blindTo notes once that something could not be looked at.
func (h *host) blindTo(kind, name, message, hint string) {
	f := Finding{
		Code: codeBlind, Severity: Unknown, Subject: Subject{kind, name},
		Message: clean(words.FirstLine(message)), Hint: hint,
	}
	if !slices.ContainsFunc(h.blind, func(b Finding) bool { return b.key() == f.key() }) {
		h.blind = append(h.blind, f)
	}
}

// noteUnreadable says once, not per certificate, which keys were not readable.
func (h *host) noteUnreadable() {
	n, example := 0, ""
	for _, c := range h.certs {
		for path, err := range map[string]error{c.path: c.err, c.keyPath: c.keyErr} {
			if errors.Is(err, fs.ErrPermission) {
				n, example = n+1, path
			}
		}
	}
	if n > 0 {
		h.blindTo("certificate", "keys", fmt.Sprintf("%d certificate or key %s cannot be read, %s among them", n, words.Noun(n, "file"), example), "run it as root")
	}
}

// How long one source may take: one that hangs must not use up the run.
const (
	unitWait   = 2 * time.Second
	dockerWait = 5 * time.Second
	testWait   = 10 * time.Second // nginx -t resolves the names of upstreams
)

// unit asks systemd about one unit, once per look. After a first failure
// systemd is not asked again.
func (h *host) unit(name string) (Unit, bool) {
	if u, ok := h.units[name]; ok {
		return u, u.Load != ""
	}
	if h.env.Units == nil || h.silent {
		return Unit{}, false
	}
	ctx, cancel := context.WithTimeout(h.ctx, unitWait)
	defer cancel()
	u, err := h.env.Units.Unit(ctx, name)
	if err != nil {
		h.blindTo("systemd", "systemd", fmt.Sprintf("systemd does not answer: %v", err), "systemctl status")
		h.silent, u = true, Unit{}
	}
	h.units[name] = u
	return u, u.Load != ""
}

// resolved is the path behind symlinks, or the path itself if there is nothing.
func (h *host) resolved(path string) string {
	if r, ok := h.real[path]; ok {
		return r
	}
	r, err := h.env.FS.EvalSymlinks(path)
	if err != nil {
		r = path
	}
	h.real[path] = r
	return r
}

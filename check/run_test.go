package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/nginxconf"
)

func TestExitCode(t *testing.T) {
	for _, row := range []struct {
		severities []Severity
		on         FailOn
		want       int
	}{
		{nil, FailOnWarning, 0},
		{[]Severity{Notice}, FailOnWarning, 0},
		{[]Severity{Notice}, FailOnNotice, 1},
		{[]Severity{Notice, Warning}, FailOnWarning, 1},
		{[]Severity{Warning}, FailOnCritical, 0},
		{[]Severity{Warning, Unknown}, FailOnWarning, 3},
		{[]Severity{Unknown, Critical, Warning}, FailOnWarning, 2},
		{[]Severity{Critical}, FailOnCritical, 2},
		{[]Severity{Unknown}, FailOnCritical, 3},
		{[]Severity{Critical, Unknown}, FailOnNever, 0},
	} {
		var fs []Finding
		for _, s := range row.severities {
			fs = append(fs, Finding{Severity: s})
		}
		if got := exitCode(fs, row.on); got != row.want {
			t.Errorf("%v, %v: %d, want %d", row.severities, row.on, got, row.want)
		}
	}
}

// The rules are data that the outside relies on.
func TestRuleTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Code] {
			t.Errorf("%s is there twice", r.Code)
		}
		for _, c := range r.After {
			if !seen[c] {
				t.Errorf("%s comes before %s, which silences it", r.Code, c)
			}
		}
		seen[r.Code] = true
		if r.Title == "" || r.What == "" || r.Why == "" || r.Fix == "" || r.Worst == 0 {
			t.Errorf("%s has no whole page", r.Code)
		}
		if r.look == nil && r.Code != codeBlind {
			t.Errorf("%s looks at nothing", r.Code)
		}
	}
}

// No rule is louder than its page says.
func TestWorst(t *testing.T) {
	for _, s := range scenarios() {
		r, _ := Explain(s.code)
		if s.want > r.Worst {
			t.Errorf("%s can be %s, and its page says %s at worst", s.code, s.want, r.Worst)
		}
	}
}

func TestDocs(t *testing.T) {
	path := filepath.Join("..", "docs", "check.md")
	want := markdown()
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/check.md is not what the rules say: UPDATE=1 go test ./check -run TestDocs (%v)", err)
	}
	for _, r := range Rules() {
		if !strings.Contains(want, "\n### "+r.Code+"\n") {
			t.Errorf("%s has no section", r.Code)
		}
	}
}

func TestDependentRulesAreSilent(t *testing.T) {
	w, c := trusted(t)
	cert, key := w.store("site", c.leaf(life{45 * day, -day}, "a.example.com"))
	w.http(site("a.example.com", cert, key))
	w.touch("/etc/nginx/nginx.conf", base.Add(-time.Minute))
	if len(w.run().find("nginx-stale-workers")) != 1 {
		t.Fatal("the edit is not seen at all")
	}
	w.dialed = nil
	w.facts.Running = false
	r := w.run()
	if len(r.find("nginx-not-running")) != 1 || len(r.find("nginx-stale-workers")) != 0 || len(r.find("cert-expired")) != 1 {
		t.Errorf("got\n%s", r.codes())
	}
	if len(w.dialed) > 0 {
		t.Errorf("connected to %v although nginx does not run", w.dialed)
	}
}

func TestBrokenRuleDoesNotSilenceOthers(t *testing.T) {
	w := newWorld(t)
	w.opt = w.opt.withDefaults()
	h := gather(context.Background(), w.env, w.opt)
	r := h.judge([]Rule{
		{Code: "a", look: func(*host, func(Finding)) { panic("boom") }},
		{Code: "b", look: func(_ *host, report func(Finding)) { report(Finding{Severity: Warning}) }},
	})
	if len(r.find("b")) != 1 || len(r.find(codeBlind)) != 1 || r.Exit != ExitUnknown {
		t.Errorf("got %d\n%s", r.Exit, r.codes())
	}
}

// A worker that ended because of a reload says nothing about the socket: those
// that run now are asked, and if none can be, nobody knows.
func TestWorkersThatEndedAreNotAFinding(t *testing.T) {
	w := newWorld(t)
	adopted(w, "")
	reloads := 1
	w.env.CanConnect = func(nginx.Facts, string) error {
		if reloads--; reloads >= 0 {
			return fmt.Errorf("the worker has ended: %w", os.ErrProcessDone)
		}
		return nil
	}
	if r := w.run(); len(r.find("socket-perm")) != 0 || len(r.find(codeBlind)) != 0 {
		t.Errorf("after one reload:\n%s", r.codes())
	}
	reloads = 1000
	if r := w.run(); len(r.find("socket-perm")) != 0 || len(r.find(codeBlind)) != 1 || r.Exit != ExitUnknown {
		t.Errorf("while it reloads all the time:\n%s", r.codes())
	}
}

func TestVersionsGateRules(t *testing.T) {
	fires := func(version string, r Rule) bool {
		w := newWorld(t)
		w.facts.Version = version
		r.Code, r.look = "x", func(_ *host, report func(Finding)) { report(Finding{Severity: Notice}) }
		return len(gather(context.Background(), w.env, w.opt.withDefaults()).judge([]Rule{r}).Findings) == 1
	}
	bounded := Rule{Until: version{1, 29, 7}}
	for version, want := range map[string]bool{"1.22.1": true, "1.29.6": true, "1.29.7": false, "": true} {
		if fires(version, bounded) != want {
			t.Errorf("nginx %q: want %v", version, want)
		}
	}
}

func TestSites(t *testing.T) {
	w, c := trusted(t)
	cert, key := w.store("a", c.leaf(life{45 * day, -day}, "a.example.com", "www.a.example.com"))
	bc, bk := w.store("b", c.leaf(life{45 * day, -day}, "b.example.com"))
	w.http("include sites-enabled/*;")
	w.write("/etc/nginx/sites-available/a", site("a.example.com www.a.example.com", cert, key))
	w.link("../sites-available/a", "/etc/nginx/sites-enabled/a")
	w.write("/etc/nginx/sites-enabled/b", site("b.example.com", bc, bk))
	w.facts.Running = false
	for _, row := range []struct {
		sites []string
		want  int
	}{
		{nil, 2},
		{[]string{"a.example.com"}, 1},
		{[]string{"WWW.a.example.com"}, 1},
		{[]string{"/etc/nginx/sites-enabled/a"}, 1},
		{[]string{"/etc/nginx/sites-available/a", "b.example.com"}, 2},
		{[]string{"c.example.com"}, 0},
	} {
		w.opt.Sites = row.sites
		r := w.run()
		if got := len(r.find("cert-expired")); got != row.want {
			t.Errorf("%v: %d findings, want %d", row.sites, got, row.want)
		}
		if unknown := len(r.find(codeBlind)) > 0; unknown != slices.Contains(row.sites, "c.example.com") {
			t.Errorf("%v: said to be unknown: %v", row.sites, unknown)
		}
	}
}

// An app stands for the servers that lead to it, and the other way round.
func TestSitesOfAnApp(t *testing.T) {
	for _, site := range []string{"myapp", "a.example.com"} {
		w := newWorld(t)
		adopted(w, "")
		w.apps[0].Missing = "x"
		text := w.text("/etc/nginx/nginx.conf")
		w.write("/etc/nginx/nginx.conf", strings.Replace(text, "location / {", "location /s { alias /srv/; }\nlocation / {", 1))
		w.opt.Sites, w.opt.Settings.Lint = []string{site}, true
		r := w.run()
		if len(r.find("backup-missing")) != 1 || len(r.find("alias-traversal")) != 1 || len(r.find(codeBlind)) != 0 {
			t.Errorf("%s: found\n%s", site, r.codes())
		}
	}
}

// Without root another user's nginx is not recognised; that is no critical.
func TestNotRootAndNoNginxInSight(t *testing.T) {
	w := newWorld(t)
	w.env.Euid, w.facts.Running = 1000, false
	if r := w.run(); r.Exit != ExitUnknown || len(r.find("nginx-not-running")) != 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.codes())
	}
}

// An authority that cannot be read must not make good chains look bad.
func TestUnreadableAuthority(t *testing.T) {
	w, c := trusted(t)
	simple(func(*ca) pair { return newCA(t).leaf(fresh, "a.example.com") }, "a.example.com")(w, c)
	w.opt.Settings.TrustedCA = []string{"/none.pem"}
	if r := w.run(); r.Exit != ExitUnknown || len(r.find("cert-untrusted"))+len(r.find("cert-chain-incomplete")) != 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.codes())
	}
}

func TestIgnores(t *testing.T) {
	expired := func(w *world, c *ca, comment string) {
		cert, key := w.store("a", c.leaf(life{45 * day, -day}, "a.example.com"))
		w.http(strings.Replace(site("a.example.com", cert, key), "ssl_certificate ", "\n"+comment+"\nssl_certificate ", 1))
	}
	for _, row := range []struct {
		name    string
		ignore  []ignore
		comment string
		ignored bool
	}{
		{"code and subject", []ignore{{Code: "cert-expired", Subject: "/etc/ssl/a.pem", Reason: "known"}}, "", true},
		{"every subject", []ignore{{Code: "cert-expired", Reason: "known"}}, "", true},
		{"another subject", []ignore{{Code: "cert-expired", Subject: "/etc/ssl/b.pem", Reason: "known"}}, "", false},
		{"ran out", []ignore{{Code: "cert-expired", Reason: "known", Until: date(2035, 5, 31)}}, "", false},
		{"last day", []ignore{{Code: "cert-expired", Reason: "known", Until: date(2035, 6, 1)}}, "", true},
		{"comment", nil, "# edgeman: ignore cert-expired test host", true},
		{"comment further up", nil, "# edgeman: ignore cert-expired test host\n# about the certificate", true},
		{"comment without a reason", nil, "# edgeman: ignore cert-expired", false},
		{"comment about another code", nil, "# edgeman: ignore cert-missing x", false},
		{"comment with a blank line below", nil, "# edgeman: ignore cert-expired test host\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, c := trusted(t)
			w.facts.Running = false
			expired(w, c, row.comment)
			w.opt.Settings.Ignore = row.ignore
			r := w.run()
			if got := len(r.find("cert-expired")) == 0; got != row.ignored {
				t.Errorf("ignored: %v, want %v\n%s", got, row.ignored, r.codes())
			}
			if row.ignored && (len(r.Ignored) != 1 || r.Ignored[0].Ignored == "") {
				t.Errorf("the report does not say so: %+v", r.Ignored)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	good := "[other]\nx = 1\n[check]\nwarn = 0.8\ncrit = 0.2\ntrusted_ca = ['/a.pem']\n[[check.ignore]]\ncode = 'cert-expired'\nreason = 'r'\nuntil = 2030-01-02\n"
	s, err := parseSettings([]byte(good))
	if err != nil || s.WarnFactor != 0.8 || s.Ignore[0].until() != time.Date(2030, 1, 3, 0, 0, 0, 0, time.UTC) || s.TrustedCA[0] != "/a.pem" {
		t.Errorf("got %+v, %v", s, err)
	}
	for name, row := range map[string][2]string{
		"unknown key":        {"[check]\nwran = 1\n", "check.wran"},
		"no reason":          {"[[check.ignore]]\ncode = 'cert-expired'\n", "no reason"},
		"unknown code":       {"[[check.ignore]]\ncode = 'x'\nreason = 'r'\n", "unknown code"},
		"factors":            {"[check]\nwarn = 0.1\ncrit = 0.2\n", "0 <= crit"},
		"syntax":             {"[check\n", "line 1"},
		"thresholds swapped": {"[[check.certificate]]\nsubject = 'a'\nwarn_days = 1\ncrit_days = 2\n", "crit_days"},
	} {
		if _, err := parseSettings([]byte(row[0])); err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%s: %v, want %q", name, err, row[1])
		}
	}
	if s, err := parseSettings([]byte("[other]\nsecret = 1\n")); err != nil || s.WarnFactor != 0.7 {
		t.Errorf("no table of ours: %+v, %v", s, err)
	}
}

// What root reports is decided by nobody else: not by whoever can write the
// file, rename a directory above it, or put a link in its place.
func TestSettingsMustBeRoots(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(path string) error
		want string // in the error; empty: none
	}{
		"fine":                 {func(string) error { return nil }, ""},
		"absent":               {os.Remove, ""},
		"anybody's file":       {func(path string) error { return os.Chmod(path, 0o666) }, "chmod go-w"},
		"anybody's directory":  {func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) }, "chmod go-w"},
		"a directory above it": {func(path string) error { return os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777) }, "chmod go-w"},
		"a link": {func(path string) error {
			return errors.Join(os.Rename(path, path+".theirs"), os.Symlink(path+".theirs", path))
		}, "is a symbolic link"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.writeMode("/etc/edgeman/edgeman.toml", "[check]\n", 0o644)
			path := filepath.Join(w.root, "/etc/edgeman/edgeman.toml")
			w.must(row.do(path))
			if _, err := ReadSettings(path); (err == nil) != (row.want == "") || err != nil && !strings.Contains(hint.Text(err), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// nginx -t creates files. Its empty pid file is taken away; a log or a cache may
// be in use since a reload in the same moment, and stays.
func TestTakesAwayNothingButAPidFile(t *testing.T) {
	for name, row := range map[string]struct {
		pid  string // the pid file after the test
		was  bool   // there before
		want bool   // there in the end
	}{
		"empty":                  {"", false, false},
		"nginx has started":      {"4711\n", false, true},
		"empty and there before": {"", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.http("access_log /var/log/nginx/new.log; proxy_cache_path /var/cache/nginx/x keys_zone=x:1m;")
			if row.was {
				w.write("/run/nginx.pid", "")
			}
			w.onTest = func() {
				w.write("/run/nginx.pid", row.pid)
				w.write("/var/log/nginx/new.log", "")
				w.must(os.MkdirAll(filepath.Join(w.root, "/var/cache/nginx/x"), 0o755))
			}
			w.run()
			for path, want := range map[string]bool{"/run/nginx.pid": row.want, "/var/log/nginx/new.log": true, "/var/cache/nginx/x": true} {
				if _, err := w.env.FS.Lstat(path); (err == nil) != want {
					t.Errorf("%s is there: %v, want %v", path, err == nil, want)
				}
			}
		})
	}
}

// A run that sees all there is to see changes nothing of it.
func TestRunChangesNothing(t *testing.T) {
	w, c := trusted(t)
	certbotted(w, c, "a.example.com", c.leaf(life{90 * day, 20 * day}, "a.example.com"), "authenticator = webroot")
	conf := w.text("/etc/nginx/nginx.conf")
	adopted(w, "keepalive 16;")
	w.write("/etc/nginx/nginx.conf", strings.Replace(conf, "http {", "http { server { listen 80; location / { proxy_pass http://unix:/var/lib/edgeman/apps/myapp/live/8080.sock; } }", 1))
	before := tree(t, w.root)
	r := w.run()
	if after := tree(t, w.root); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
	if len(r.Findings) < 3 || r.Checked.Apps != 1 || r.Checked.Handshakes != 1 {
		t.Errorf("saw too little: %+v\n%s", r.Checked, r.codes())
	}
}

func TestRunOutOfTime(t *testing.T) {
	w, c := trusted(t)
	p := c.leaf(fresh, "a.example.com")
	cert, key := w.store("a", p)
	w.http(site("a.example.com", cert, key))
	w.opt.Budget = time.Nanosecond
	r := w.run()
	if r.Exit != ExitUnknown || len(r.find(codeBlind)) == 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.codes())
	}
}

// A source that hangs is asked once and does not use up the run.
func TestSilentSystemdIsAskedOnce(t *testing.T) {
	w := newWorld(t)
	adopted(w, "")
	asked := 0
	w.env.Units = unitsFunc(func(context.Context) error { asked++; return errors.New("timeout") })
	if r := w.run(); asked != 1 || len(r.find(codeBlind)) != 1 {
		t.Errorf("asked %d times\n%s", asked, r.codes())
	}
}

type unitsFunc func(context.Context) error

func (f unitsFunc) Unit(ctx context.Context, _ string) (Unit, error) { return Unit{}, f(ctx) }

// Many handshakes without a verdict are one blind spot.
func TestHandshakesWithoutVerdict(t *testing.T) {
	w, c := trusted(t)
	cert, key := w.store("a", c.leaf(fresh, "*.example.com"))
	w.http(site("a.example.com b.example.com c.example.com", cert, key))
	w.env.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrDeadlineExceeded }
	if r := w.run(); len(r.find(codeBlind)) != 1 || !strings.HasPrefix(r.find(codeBlind)[0].Message, "3 of 3 handshakes") || r.Exit != ExitUnknown {
		t.Errorf("found\n%s", r.codes())
	}
}

func TestMailServersCertificates(t *testing.T) {
	w, c := trusted(t)
	p := c.leaf(life{45 * day, -day}, "mail.example.com")
	cert, key := w.store("mail", p)
	w.write("/etc/nginx/nginx.conf", "events {}\nmail { ssl_certificate "+cert+"; ssl_certificate_key "+key+"; server { listen 993 ssl; protocol imap; } }")
	w.serves("127.0.0.1:993", p)
	if r := w.run(); len(r.find("cert-expired")) != 1 || r.Checked.Handshakes != 1 {
		t.Errorf("%+v found\n%s", r.Checked, r.codes())
	}
}

func TestNginxThatCannotBeAsked(t *testing.T) {
	w := newWorld(t)
	w.env.Nginx = silentNginx{}
	r := w.run()
	if r.Exit != ExitUnknown || len(r.find("nginx-not-running")) != 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.codes())
	}
}

type silentNginx struct{}

func (silentNginx) Facts(context.Context) (nginx.Facts, error) {
	return nginx.Facts{}, errors.New("no such program")
}
func (silentNginx) Test(context.Context) ([]nginx.Message, error) { return nil, errors.New("no") }

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\x1b[31mc\u0085d": "a b [31mc d",
		" x ":                  "x",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("é", 300)); len(got) > 310 || !strings.HasSuffix(got, "...") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 s", -time.Second: "1 s", 3 * time.Minute: "3 min", 28 * time.Hour: "28.0 h", 10*day + 12*time.Hour: "10.5 days",
	} {
		if got := days(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestNginxTime(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "90": 90 * time.Second, "1h": time.Hour, "1h 30m": 90 * time.Minute, "1h30m": 90 * time.Minute,
		"500ms": 500 * time.Millisecond, "1d": day, "x": 0, "": 0, "5q": 0,
	} {
		if got := nginxTime(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]version{
		"1.22.1": {1, 22, 1}, "nginx/1.29.7 (Debian)": {1, 29, 7}, "2.1.0.egg-info": {2, 1, 0}, "4.0.0.dist-info": {4, 0, 0}, "3.1": {3, 1, 0},
	} {
		if got, err := nginxconf.ParseVersion(s); err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", s, got, err, want)
		}
	}
	if _, err := nginxconf.ParseVersion("none"); err == nil {
		t.Error("a word is no version")
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("[renewalparams]\na = b\n[[webroot_map]]\nx = /y\n", "1h 30m", "renew_before_expiry = 30 days")
	f.Add("a = b", "5s", "1h 30m")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		_, _ = parseINI([]byte(a))
		if d := nginxTime(b); d < 0 {
			t.Errorf("%q: negative", b)
		}
		_ = parsePeriod(c)
		_, _ = parseChain([]byte(a))
		_, _ = publicKey([]byte(a))
		_, _ = parseSettings([]byte(a))
		_ = tlsWeakSuites(b)
		_, _ = nginxconf.ParseVersion(b)
		_ = clean(a)
		_ = fmt.Sprint(stripScheme(b))
	})
}

// What an older nginx is told to do has to be known to it.
func TestDrainLongHint(t *testing.T) {
	for version, want := range map[version]string{
		{}:          "keepalive_time 5s;",
		{1, 18, 0}:  "keepalive_timeout 4s;",
		{1, 19, 10}: "keepalive_time 5s;",
	} {
		if got := (&host{version: version}).endsSooner(); !strings.HasPrefix(got, want) {
			t.Errorf("nginx %v: %q, want %q", version, got, want)
		}
	}
}

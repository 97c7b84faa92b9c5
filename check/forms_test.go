package check

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/state"
)

// sample is a report with everything that the forms have to print.
func sample() Report {
	findings := []Finding{
		{
			Code: "cert-expiring", Severity: Warning, Subject: Subject{"certificate", "/etc/ssl/a.pem"}, Sites: []string{"a.example.com"},
			Message: "/etc/ssl/a.pem expires in 10.0 days (2035-06-11T12:00:00Z); renewal was due 5.0 days ago", Hint: "certbot renew --cert-name a",
			At:        []Position{{"/etc/nginx/sites-enabled/a", 7}},
			Evidence:  []fact{{"not_after", "2035-06-11T12:00:00Z"}},
			FirstSeen: base,
		},
		{
			Code: "cert-expired", Severity: Critical, Subject: Subject{"certificate", "/etc/ssl/b.pem"}, Sites: []string{"b.example.com"},
			Message: "/etc/ssl/b.pem expired 24.0 h ago | bar", Hint: "certbot renew --cert-name b", FirstSeen: base,
		},
		{
			Code: "conf-drift", Severity: Warning, Subject: Subject{"file", "/etc/nginx/sites-enabled/a"}, Sites: []string{"a.example.com"},
			Message: "changed", Evidence: []fact{{"diff", "--- a\n+++ b\n@@ -1 +1 @@\n-\tserver unix:/x;\n+\tserver 127.0.0.1:1;\x1b\n"}}, FirstSeen: base,
		},
		{Code: "version-shown", Severity: Notice, Subject: Subject{"nginx", "nginx"}, Message: "nginx shows its version", FirstSeen: base},
		{Code: codeBlind, Severity: Unknown, Subject: Subject{"docker", "docker"}, Message: "Docker does not answer", FirstSeen: base},
	}
	sortFindings(findings)
	r := Report{
		Schema: 1, Tool: "v1.0.0", Host: "testhost", Started: base, Duration: 0.62, Lint: true, Findings: findings,
		Checked: counts{Certificates: 14, Servers: 22, Handshakes: 1, Upstreams: 9, Rules: 60},
		Inventory: []inventoryLine{
			{Source: "disk", Path: "/etc/ssl/a.pem", Server: "a.example.com", Names: []string{"a.example.com"}, NotBefore: base.Add(-35 * day), NotAfter: base.Add(10 * day), Due: base.Add(-5 * day), SHA256: strings.Repeat("ab", 32), Issuer: "CN=Test"},
			{Source: "served", Server: `b"\.example.com`, NotBefore: base.Add(-46 * day), NotAfter: base.Add(-day), Due: base.Add(-16 * day), SHA256: strings.Repeat("cd", 32)},
		},
	}
	for _, f := range findings {
		r.Summary.count(f.Severity)
	}
	r.Exit = exitCode(findings, FailOnWarning)
	return r
}

func TestForms(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"human":      func(b *bytes.Buffer) error { return WriteHuman(b, sample(), false) },
		"colour":     func(b *bytes.Buffer) error { return WriteHuman(b, sample(), true) },
		"quiet":      func(b *bytes.Buffer) error { return WriteQuiet(b, sample()) },
		"json":       func(b *bytes.Buffer) error { return WriteJSON(b, sample()) },
		"nagios":     func(b *bytes.Buffer) error { return WriteNagios(b, sample()) },
		"prometheus": func(b *bytes.Buffer) error { b.Write(Prometheus(sample())); return nil },
		"explain": func(b *bytes.Buffer) error {
			r, _ := Explain("cert-served-stale")
			return WriteExplain(b, r)
		},
		"codes": func(b *bytes.Buffer) error { return WriteCodes(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("differs from %s (UPDATE=1 writes it anew): %v\n%s", path, err, got)
	}
}

// Cron mails every byte, so there is none when all is well.
func TestQuietIsSilent(t *testing.T) {
	var b bytes.Buffer
	if err := WriteQuiet(&b, Report{Findings: []Finding{{Severity: Notice, Code: "version-shown"}}}); err != nil || b.Len() > 0 {
		t.Errorf("printed %q, %v", b.String(), err)
	}
}

func TestNagiosLine(t *testing.T) {
	r := sample()
	for i := range r.Findings {
		r.Findings[i].Message = strings.Repeat("long é ", 60)
	}
	for _, r := range []Report{r, sample(), {}} {
		var b bytes.Buffer
		if err := WriteNagios(&b, r); err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(b.String(), "\n")
		if len(line) > nagiosLine || strings.Count(line, "|") != 1 || !strings.HasPrefix(line, "EDGEMAN "+nagiosWord(r.Exit)+" - ") {
			t.Errorf("%d: %q", len(line), line)
		}
	}
}

// sampleLine is the text format: a name, labels with escaped values, a number.
var sampleLine = regexp.MustCompile(`^[a-z_]+(\{[a-z0-9_]+="([^"\\]|\\["\\n])*"(,[a-z0-9_]+="([^"\\]|\\["\\n])*")*\})? -?[0-9.e+]+$`)

func TestPrometheusFormat(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(string(Prometheus(sample())), "\n"), "\n") {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		if !sampleLine.MatchString(line) {
			t.Errorf("not a sample: %q", line)
		}
		series := line[:strings.LastIndexByte(line, ' ')]
		if seen[series] {
			t.Errorf("%s is there twice", series)
		}
		seen[series] = true
	}
	for _, r := range Rules() {
		if !seen[`edgeman_check_findings{code="`+r.Code+`",severity="`+r.Worst.String()+`"}`] {
			t.Errorf("%s has no series", r.Code)
		}
	}
}

func TestPrometheusFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edgeman.prom")
	for range 2 {
		if err := state.WriteFile(path, Prometheus(sample()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v: the collector is another user", info, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

func TestJSONIsStable(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, Report{Inventory: []inventoryLine{}}); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "tool", "host", "started", "duration_seconds", "exit", "summary", "checked", "findings", "inventory"} {
		if m[key] == nil {
			t.Errorf("%s is missing or null", key)
		}
	}
}

func TestMemory(t *testing.T) {
	report := func(at time.Time, fs ...Finding) Report {
		r := Report{Started: at, Findings: fs, Exit: exitCode(fs, FailOnWarning)}
		for _, f := range fs {
			r.Summary.count(f.Severity)
		}
		return r
	}
	finding := func(s Severity) Finding {
		return Finding{Code: "cert-expiring", Severity: s, Subject: Subject{"certificate", "a"}, FirstSeen: base}
	}
	var m *Memory
	for _, step := range []struct {
		name      string
		after     time.Duration
		findings  []Finding
		said      int
		exit      int
		recovered int
	}{
		{"new", 0, []Finding{finding(Warning)}, 1, 1, 0},
		{"known", time.Hour, []Finding{finding(Warning)}, 0, 0, 0},
		{"after a day, still known", 25 * time.Hour, []Finding{finding(Warning)}, 0, 0, 0},
		{"after a week", 7 * 24 * time.Hour, []Finding{finding(Warning)}, 1, 1, 0},
		{"louder", 7*24*time.Hour + time.Hour, []Finding{finding(Critical)}, 1, 2, 0},
		{"critical, known", 7*24*time.Hour + 2*time.Hour, []Finding{finding(Critical)}, 0, 0, 0},
		{"critical, a day later", 8*24*time.Hour + 50*time.Minute, []Finding{finding(Critical)}, 1, 2, 0},
		{"gone", 9 * 24 * time.Hour, nil, 0, 0, 1},
		{"and said once", 9*24*time.Hour + time.Hour, nil, 0, 0, 0},
		{"new again", 10 * 24 * time.Hour, []Finding{finding(Warning)}, 1, 1, 0},
	} {
		full := report(base.Add(step.after), step.findings...)
		next, said := m.Next(full, FailOnWarning)
		if len(said.Findings) != step.said || said.Exit != step.exit || len(said.Recovered) != step.recovered {
			t.Errorf("%s: said %d, exit %d, recovered %d; want %d, %d, %d", step.name,
				len(said.Findings), said.Exit, len(said.Recovered), step.said, step.exit, step.recovered)
		}
		if next.Exit != full.Exit || next.LastRun != full.Started {
			t.Errorf("%s: the memory is not about the whole run", step.name)
		}
		data, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		m = &Memory{}
		if err := json.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
	}
}

// What --lint found is neither gone nor new because a run did not look for it.
func TestMemoryKeepsWhatWasNotAsked(t *testing.T) {
	found := Finding{Code: "allow-no-deny", Severity: Warning, Subject: Subject{"file", "a"}, FirstSeen: base}
	var m *Memory
	for i, step := range []struct {
		lint            bool
		findings        []Finding
		said, recovered int
	}{
		{true, []Finding{found}, 1, 0},
		{false, nil, 0, 0},
		{true, []Finding{found}, 0, 0},
		{false, nil, 0, 0},
		{true, nil, 0, 1},
		{false, nil, 0, 0},
	} {
		next, said := m.Next(Report{Started: base.Add(time.Duration(i) * time.Hour), Lint: step.lint, Findings: step.findings}, FailOnWarning)
		if len(said.Findings) != step.said || len(said.Recovered) != step.recovered {
			t.Errorf("step %d: said %d, recovered %v", i, len(said.Findings), said.Recovered)
		}
		m = next
	}
}

// A rule that was not asked has no series: its 0 would read like health.
func TestPrometheusWithoutLint(t *testing.T) {
	text := string(Prometheus(Report{}))
	for _, r := range Rules() {
		if strings.Contains(text, `code="`+r.Code+`"`) == r.Lint {
			t.Errorf("%s: has a series: %v", r.Code, r.Lint)
		}
	}
}

// No news must not read like health, and cron still gets not one byte of it.
func TestKnownProblemsAreCounted(t *testing.T) {
	report := Report{Started: base, Findings: []Finding{
		{Code: "a", Severity: Critical, FirstSeen: base.Add(-time.Hour)},
		{Code: "b", Severity: Warning, FirstSeen: base.Add(-time.Minute)},
		{Code: "c", Severity: Notice, FirstSeen: base.Add(-day)},
	}}
	var first *Memory
	next, _ := first.Next(report, FailOnWarning)
	next.Seen["gone x y"] = seen{Severity: Warning, Said: base}
	_, said := next.Next(report, FailOnWarning)
	want := "nothing new; 1 critical and 1 warning known since 2035-06-01T11:00:00Z"
	for name, write := range map[string]func(*bytes.Buffer) error{
		"human":  func(b *bytes.Buffer) error { return WriteHuman(b, said, false) },
		"nagios": func(b *bytes.Buffer) error { return WriteNagios(b, said) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), want) || said.Exit != ExitOK {
			t.Errorf("%s, exit %d: %v\n%s", name, said.Exit, err, b.String())
		}
	}
	var b bytes.Buffer
	if err := WriteQuiet(&b, said); err != nil || !strings.Contains(b.String(), "some problems are resolved; 1 critical and 1 warning known") {
		t.Errorf("%v\n%s", err, b.String())
	}
	for name, write := range map[string]func(io.Writer, Report) error{
		"quiet": WriteQuiet, "human": func(w io.Writer, r Report) error { return WriteHuman(w, r, false) },
	} {
		b.Reset()
		if err := write(&b, said); err != nil || !strings.Contains(b.String(), "ok    "+said.Recovered[0]+"\n") {
			t.Errorf("%s does not say what has gone away: %v\n%s", name, err, b.String())
		}
	}
	said.Recovered = nil
	b.Reset()
	if err := WriteQuiet(&b, said); err != nil || b.Len() > 0 {
		t.Errorf("%v: printed %q", err, b.String())
	}
	said.Findings = []Finding{{Code: "d", Severity: Warning, FirstSeen: base}}
	said.Summary = Summary{Warning: 1}
	if got := said.outcome(); got != "1 warning; 1 critical and 1 warning known since 2035-06-01T11:00:00Z" {
		t.Errorf("got %q", got)
	}
}

func TestMemoryFile(t *testing.T) {
	w := newWorld(t)
	if m, err := ReadMemory(w.env.FS, "/var/lib/edgeman/check.json"); m != nil || err != nil {
		t.Errorf("%v, %v", m, err)
	}
	w.write("/var/lib/edgeman/check.json", "{broken")
	if _, err := ReadMemory(w.env.FS, "/var/lib/edgeman/check.json"); err == nil {
		t.Error("a broken file is believed")
	}
	w.write("/var/lib/edgeman/check.json", `{"last_run":"2035-06-01T10:00:00Z","seen":{"version-shown nginx nginx":{"severity":"notice","first":"2035-05-01T00:00:00Z"}}}`)
	m, err := ReadMemory(w.env.FS, "/var/lib/edgeman/check.json")
	if err != nil || !m.LastRun.Equal(base.Add(-2*time.Hour)) {
		t.Errorf("%v, %v", m, err)
	}
	w.http("server { listen 80; }")
	w.opt.Memory, w.opt.Settings.Lint = m, true
	if f := w.run().find("version-shown"); len(f) != 1 || f[0].FirstSeen.Month() != 5 {
		t.Errorf("first seen %+v", f)
	}
}

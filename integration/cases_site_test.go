//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
)

// siteCase is a site file that says in comments what is to be done with it:
//
//	#! ARGS | ARGS    of curl, before and after; each answer has to stay equal
//	#+ COMMAND        run on the host first (default: one container myapp on 8080)
//	#adopt FLAGS      of adopt
//	#want WHAT        equal (default): adopted or refused, and nothing that is seen
//	                  differs; adopted; refused; undone (exit 1, all as before)
//	#says REGEXP      of what adopt prints
//	#check COMMAND    has to succeed after adopt
//	#release APPS     given back in this order (default: as status lists them)
//	#wait SECONDS     before adopt
//	#by-hand TEXT     not run
type siteCase struct {
	text          string
	asks          []string // curl arguments
	setup, checks []string
	flags, want   string
	says          *regexp.Regexp
	release       []string
	wait          time.Duration
	byHand        string
}

const defaultSetup = "docker run -d --name myapp -p 8080:8080 myapp:v1"

func parseSite(text string) (siteCase, error) {
	c := siteCase{text: text, want: "equal"}
	for _, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		var err error
		switch word {
		case "#!":
			c.asks = strings.Split(rest, " | ")
		case "#+":
			c.setup = append(c.setup, rest)
		case "#adopt":
			c.flags = rest
		case "#want":
			c.want = rest
		case "#says":
			c.says, err = regexp.Compile(rest)
		case "#check":
			c.checks = append(c.checks, rest)
		case "#release":
			c.release = strings.Fields(rest)
		case "#wait":
			c.wait, err = time.ParseDuration(rest + "s")
		case "#by-hand":
			c.byHand = rest
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", line, err)
		}
	}
	if len(c.asks) == 0 {
		return c, fmt.Errorf("no line of #! says what to ask")
	}
	if len(c.setup) == 0 {
		c.setup = []string{defaultSetup}
	}
	return c, nil
}

// run takes the site over, swaps what it became and gives it back, while one
// client goes on asking the first of the questions.
func (c siteCase) run(ctx context.Context, t *testing.T, h *host.Host) {
	if c.byHand != "" {
		t.Skip("NOT RUN, by hand: " + c.byHand)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	for _, command := range c.setup {
		must(ctx, t, h, "sh", "-c", command)
	}
	site(ctx, t, h, "myapp", c.text)
	must(ctx, t, h, "sleep", fmt.Sprint(c.wait.Seconds()))
	before := c.settled(ctx, t, h)
	tree := nginxTree(ctx, t, h)
	stop := c.keepAsking(ctx, t, h)

	code, out := run(ctx, t, h, "sh", "-c", "edgeman adopt /etc/nginx/sites-available/myapp --yes "+c.flags+" 2>&1")
	t.Logf("adopt: exit %d\n%s", code, out)
	if c.says != nil && !c.says.MatchString(out) {
		t.Errorf("adopt does not say %v", c.says)
	}
	c.judge(t, code)
	c.same(ctx, t, h, "after adopt", before)
	for _, command := range c.checks {
		if code, out := run(ctx, t, h, "sh", "-c", command); code != 0 {
			t.Errorf("after adopt: %s: exit %d %s", command, code, out)
		}
	}
	if code == outcome.ExitDone {
		c.swapAndGiveBack(ctx, t, h, before)
	}
	if failed := stop(); failed != "" {
		t.Errorf("answers that differ from those before:\n%s", failed)
	}
	if now := nginxTree(ctx, t, h); now != tree {
		t.Errorf("below /etc/nginx differs:\n%s", diff.Diff("before", []byte(tree), "now", []byte(now)))
	}
	c.same(ctx, t, h, "at the end", before)
	if left := statusOf(ctx, t, h).Apps; len(left) > 0 {
		t.Errorf("apps left: %+v", left)
	}
}

// judge compares adopt's exit code with what is wanted.
func (c siteCase) judge(t *testing.T, code int) {
	t.Helper()
	ok := map[string][]int{
		"equal":   {outcome.ExitDone, outcome.ExitRefused, outcome.ExitUsage},
		"adopted": {outcome.ExitDone},
		"refused": {outcome.ExitRefused, outcome.ExitUsage},
		"undone":  {outcome.ExitFailed},
	}[c.want]
	for _, n := range ok {
		if n == code {
			return
		}
	}
	t.Errorf("adopt: exit %d, wanted %s", code, c.want)
}

func (c siteCase) swapAndGiveBack(ctx context.Context, t *testing.T, h *host.Host, before []string) {
	t.Helper()
	var apps []string
	for _, app := range statusOf(ctx, t, h).Apps {
		apps = append(apps, app.Name)
	}
	for _, app := range apps {
		code, out := run(ctx, t, h, "sh", "-c", "edgeman swap "+app+" v2 2>&1")
		if code != outcome.ExitDone {
			t.Errorf("swap %s: exit %d\n%s", app, code, out)
		}
	}
	c.same(ctx, t, h, "after a swap", before)
	if len(c.release) == 0 {
		c.release = apps
	}
	for _, app := range c.release {
		code, out := run(ctx, t, h, "sh", "-c", "edgeman unadopt "+app+" --yes --to original 2>&1")
		if code != outcome.ExitDone {
			t.Errorf("unadopt %s: exit %d\n%s", app, code, out)
		}
	}
}

// nginxTree is everything about the files below /etc/nginx.
func nginxTree(ctx context.Context, t *testing.T, h *host.Host) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", `cd /etc/nginx && find . -printf '%p %y %m %U:%G %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum`)
}

// settled are the answers before anything was done, once the app has booted. A
// site that nobody answers after ten seconds is one of those.
func (c siteCase) settled(ctx context.Context, t *testing.T, h *host.Host) []string {
	t.Helper()
	var last []string
	start := time.Now()
	eventually(ctx, t, time.Minute, "the site answers the same twice", func() bool {
		now := c.answers(ctx, t, h)
		up := !strings.Contains(now[0], "502 Bad Gateway") || time.Since(start) > 10*time.Second
		same := up && strings.Join(now, "") == strings.Join(last, "")
		last = now
		return same
	})
	return last
}

func (c siteCase) same(ctx context.Context, t *testing.T, h *host.Host, when string, want []string) {
	t.Helper()
	for i, got := range c.answers(ctx, t, h) {
		if got != want[i] {
			t.Errorf("%s: curl %s:\n%s", when, c.asks[i], diff.Diff("before", []byte(want[i]), "now", []byte(got)))
		}
	}
}

// curl's arguments with a site's path for an address, and what it prints.
const curlScript = `set -f; args=; for a in $1; do case $a in /*) a=http://127.0.0.1$a;; esac; args="$args $a"; done; exec curl -s -i --max-time 60 $args`

func (c siteCase) answers(ctx context.Context, t *testing.T, h *host.Host) []string {
	t.Helper()
	var all []string
	for _, ask := range c.asks {
		code, out := run(ctx, t, h, "sh", "-c", curlScript, "ask", ask)
		all = append(all, comparable(fmt.Sprintf("curl: %d\n%s", code, out)))
	}
	return all
}

var (
	volatile = regexp.MustCompile(`(?mi)^(Date|Content-Length|ETag): .*\r?\n`)
	version  = regexp.MustCompile(`(?mi)^X-Version: v[0-9]+\r?\n`)
)

// comparable is an answer without what may differ: the time, the app's version
// where the image gives it, and the addresses of the last hop.
func comparable(answer string) string {
	answer = version.ReplaceAllString(volatile.ReplaceAllString(answer, ""), "")
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	var echo map[string]any
	if json.Unmarshal([]byte(body), &echo) != nil {
		return answer
	}
	delete(echo, "peer")
	delete(echo, "local")
	if v, _ := echo["version"].(string); regexp.MustCompile(`^v[0-9]+$`).MatchString(v) {
		delete(echo, "version")
	}
	data, _ := json.MarshalIndent(echo, "", " ")
	return head + "\r\n\r\n" + string(data)
}

// keepAsking goes on asking the first question until the function it returns is
// called; that tells how many answers had another status than the first one. A
// connection that nginx closed unread at a reload is tried again, as browsers do.
func (c siteCase) keepAsking(ctx context.Context, t *testing.T, h *host.Host) func() string {
	t.Helper()
	must(ctx, t, h, "sh", "-c", "rm -f /tmp/codes; touch /tmp/asking")
	asking := h.Exec(ctx, "sh", "-c", `set -f; args=; for a in $1; do case $a in /*) a=http://127.0.0.1$a;; esac; args="$args $a"; done
ask() { curl -s -o /dev/null -w '%{http_code}\n' --max-time 60 $args; }
while [ -e /tmp/asking ]; do code=$(ask); [ "$code" != 000 ] || code=$(ask); echo "$code" >>/tmp/codes; sleep 0.05; done`, "ask", c.asks[0])
	if err := asking.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		must(ctx, t, h, "rm", "/tmp/asking")
		asking.Wait()
		counts := strings.Split(must(ctx, t, h, "sh", "-c", "sort /tmp/codes | uniq -c"), "\n")
		t.Logf("answers by status: %s", strings.Join(counts, ", "))
		if len(counts) == 1 {
			return ""
		}
		return strings.Join(counts, "\n")
	}
}

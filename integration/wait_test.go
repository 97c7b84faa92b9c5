//go:build integration

package integration

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// waitRate is how many requests a second wait while an app with a slow boot is
// replaced in place.
const waitRate = 500

// An app that needs two seconds to boot is replaced in place at 500 requests a
// second. With enough worker_connections none is lost and none waits longer than
// the stop and the start took; with Debian's 768 the swap says beforehand that
// they will not fit, and it is right.
func TestSlowBootInPlace(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	Install(ctx, t, h)
	plainApp(ctx, t, h)
	slow := map[string]string{"ECHO_BOOT_DELAY": "2s"}
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:slow1", Env: slow}, host.Image{Tag: "myapp:slow2", Env: slow}); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sh", "-c", `sed -i '1i worker_rlimit_nofile 16384;' /etc/nginx/nginx.conf
		sed -i 's/worker_connections .*/worker_connections 8192;/' /etc/nginx/nginx.conf`)
	reloadNginx(ctx, t, h)
	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--health", "/health", "--yes")
	must(ctx, t, h, "edgeman", "swap", "myapp", "slow1", "--strategy", "stop-first")

	swap := func() (load.Result, string, time.Duration) {
		l, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: waitRate})
		if err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, 90*time.Second, "the service has measured the load", func() bool {
			return regexp.MustCompile(`"rate":[345]\d\d`).MatchString(must(ctx, t, h, "cat", "/run/edgeman/myapp:blue.json"))
		})
		out := must(ctx, t, h, "sh", "-c", "edgeman swap myapp slow2 --strategy stop-first --json 2>&1")
		said, result, _ := strings.Cut(out, "{")
		var r struct{ Start float64 }
		if err := json.Unmarshal([]byte("{"+result), &r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		must(ctx, t, h, "sleep", "1")
		done, err := l.Stop()
		if err != nil {
			t.Fatal(err)
		}
		return done, said, time.Duration(r.Start * float64(time.Second))
	}

	r, said, took := swap()
	t.Logf("worker_connections 8192: %d requests at %d a second, %d failed; stop and start took %s, the longest wait was %s, half of all took less than %s\n%s",
		r.Requests, waitRate, r.Failed, took.Round(time.Millisecond), r.Longest.Round(time.Millisecond), r.P50, said)
	if r.Broken() > 0 || r.Requests < 5*waitRate {
		t.Errorf("%v", r)
	}
	if took < 2*time.Second || r.Longest > 2*took {
		t.Errorf("the longest wait was %s, and stop and start took %s", r.Longest, took)
	}
	if contains(said, "will not fit") {
		t.Errorf("it fitted, and the swap said\n%s", said)
	}

	must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 768;/", "/etc/nginx/nginx.conf")
	reloadNginx(ctx, t, h)
	r, said, took = swap()
	t.Logf("worker_connections 768: %d requests, %d failed; stop and start took %s\n%s", r.Requests, r.Failed, took.Round(time.Millisecond), said)
	for _, want := range []string{"at most 768 requests can wait", "at the current", "warning: the last start took", "will not fit", "hint: raise worker_connections"} {
		if !contains(said, want) {
			t.Errorf("the swap does not say %q:\n%s", want, said)
		}
	}
	if r.Failed == 0 {
		t.Error("all requests could wait with 768 worker_connections: the test sees nothing")
	}
}

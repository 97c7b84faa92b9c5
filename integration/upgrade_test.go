//go:build integration

package integration

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

// newVersion is what the edgeman that is upgraded to calls itself.
const newVersion = "99.0-upgraded"

// edgeman itself is replaced under load: another binary is installed over the
// one that serves, and each app moves to it, one beside the old container, one
// by stopping first and one in native mode. Nothing is lost, and no service of
// the old program is left.
func TestUpgradeOfEdgeman(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	Install(ctx, t, h)
	apps := []*soakApp{
		{name: "beside", port: "81", strategy: "overlap", rate: 40},
		{name: "inplace", port: "82", strategy: "recreate", rate: 40}, // as stop-first was named once
		{name: "native", port: "83", strategy: "overlap", rate: 40},
	}
	soakHost(ctx, t, h, apps)
	for _, a := range apps {
		conf := "mode = 'proxy'\n"
		if a.name == "native" {
			conf = "mode = 'native'\nenv = ['ECHO_LISTEN=fd', 'ECHO_TERM=exit']\n"
		}
		appFile(ctx, t, h, a.name, conf+"ports = [8080]\nimage = '"+a.name+"'\nhealth = '/health'\nstrategy = '"+a.strategy+"'\n")
		if err := a.swap(ctx, h); err != nil {
			t.Fatal(err)
		}
		a.startLoads(ctx, t, h)
	}
	before := statusOf(ctx, t, h)

	binary := newEdgeman(ctx, t)
	if err := h.Copy(ctx, binary, "/root/edgeman"); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sh", "-c", "cp /usr/local/lib/edgeman/edgeman-init /root/ && /root/edgeman install")
	for _, a := range statusOf(ctx, t, h).Apps {
		if len(a.Problems) != 1 || !contains(a.Problems[0].Text, "this is edgeman "+newVersion) {
			t.Errorf("between install and upgrade status of %s says %+v", a.Name, a.Problems)
		}
	}
	// Longer than a service that is stopped for no reason would wait.
	slow := h.Exec(ctx, "curl", "-sf", "http://127.0.0.1:82/?delay=14s")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "sleep", "0.5")
	t.Log(must(ctx, t, h, "sh", "-c", "edgeman upgrade --all 2>&1"))
	if err := slow.Wait(); err != nil {
		t.Errorf("a request of 14 s was cut: %v", err)
	}

	total := soakStop(ctx, t, apps)
	t.Logf("edgeman upgraded below three apps: %d requests, %d failed, longest wait %s; %d websockets, %d broken",
		total.Requests, total.Failed, total.Longest.Round(time.Millisecond), total.Sessions, total.SessionsBroken)
	if total.Broken() > 0 || len(total.Resent) > 0 {
		t.Errorf("%d requests and %d websockets broke: %q", total.Failed, total.SessionsBroken, total.Errors)
	}
	wantUpgraded(ctx, t, h, before)
}

func newEdgeman(ctx context.Context, t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "edgeman")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+newVersion, "-o", binary, "../cmd/edgeman")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building edgeman: %v\n%s", err, out)
	}
	return binary
}

// wantUpgraded checks that every service runs the program on disk, that the
// releases are the same, and that nothing is left of the move.
func wantUpgraded(ctx context.Context, t *testing.T, h *host.Host, before statusJSON) {
	t.Helper()
	if got := must(ctx, t, h, "edgeman", "--version"); !contains(got, newVersion) {
		t.Errorf("the installed program is %s", got)
	}
	exes := must(ctx, t, h, "sh", "-c", "for p in $(systemctl show --property MainPID --value 'edgeman@*.service' | grep -vx -e 0 -e ''); do readlink /proc/$p/exe; done | sort | uniq -c")
	if fields := strings.Fields(exes); len(fields) != 2 || fields[0] != "3" || fields[1] != "/usr/local/bin/edgeman" {
		t.Errorf("the services run\n%s\nwant the installed program three times", exes)
	}
	for i, a := range statusOf(ctx, t, h).Apps {
		if a.Release != before.Apps[i].Release || len(a.Problems) > 0 {
			t.Errorf("%s: release %d with problems %v, before release %d", a.Name, a.Release, a.Problems, before.Apps[i].Release)
		}
		for _, s := range a.Slots {
			if s.Name == a.Live && s.Version != newVersion || s.Name != a.Live && s.State != "empty" {
				t.Errorf("%s: %+v", a.Name, s)
			}
		}
	}
	for what, script := range map[string]string{
		"containers":   "docker ps --quiet | wc -l",
		"filled slots": "ls /var/lib/edgeman/slots | wc -l",
		"sockets":      "systemctl list-units --plain --no-legend --state=active 'edgeman@*.socket' | wc -l",
	} {
		if got := comesTo(ctx, t, h, script, "3"); got != "3" {
			t.Errorf("%s %s, want 3", got, what)
		}
	}
	if left := must(ctx, t, h, "sh", "-c", "find /var/lib/edgeman /usr/local/bin /run/edgeman -name '*.tmp*' -o -name '*.old' -o -name '.edgeman*' -o -name operation.json"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

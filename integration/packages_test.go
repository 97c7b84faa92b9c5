//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/integration/host"
)

// partTests are the packages' own tests that need a real part of the host: they
// run inside it, against its nginx, its systemd and its Docker.
var partTests = []struct {
	name, pkg, tags, run string
	env                  []string
	long                 bool
}{
	{name: "nginx's behaviour before and after an edit", pkg: "./nginxconf", run: "Test(Variable)?BehaviourStays|TestAppsBehindOneVariableOnNginx|TestRandomVariablesStay"},
	{name: "tokens as nginx reads them", pkg: "./nginxconf/internal/tree", run: "TestTokensAgreeWithNginx"},
	{name: "nginx's files and processes", pkg: "./deployer/nginx", run: "Test"},
	{name: "systemd's units", pkg: "./sockets/systemd", run: "TestUnits", env: []string{"EDGEMAN_TEST_SYSTEMD=1"}},
	{name: "containers taken over and made again", pkg: "./deployer/docker", tags: "integration", run: "TestReal(Everything|RoundTrip|OtherImage|Recreate|Serving|AdoptRefuses|KeepVolumes|Lifecycle|Exec|Logs|Init|DaemonRestart)", env: []string{"EDGEMAN_DOCKER_TEST=1"}, long: true},
}

func TestPackagesOnTheHost(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		must(ctx, t, h, "systemctl", "stop", "nginx") // the tests start their own
		for _, p := range partTests {
			t.Run(p.name, func(t *testing.T) {
				if p.long && os.Getenv("EDGEMAN_LONG") == "" {
					t.Skip("LEFT OUT: takes minutes, runs with EDGEMAN_LONG=1")
				}
				runInside(ctx, t, h, p.pkg, p.tags, p.run, p.env)
			})
		}
	})
}

// What check says of renewals, by Debian's certbot against an ACME server, which
// is Debian's, too: one that renews 30 days ahead, and one with the rule since 4.0.
func TestRenewals(t *testing.T) {
	t.Parallel()
	packages := []string{"certbot", "pebble", "python3-cffi-backend"} // debootstrap does not find what certbot needs by another name
	for _, release := range releases()[:min(2, len(releases()))] {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			if _, err := host.Build(ctx, release, os.Stderr, packages...); err != nil {
				t.Skipf("LEFT OUT: renewals by a real certbot: %v", err)
			}
			h := Up(ctx, t, release, packages...)
			must(ctx, t, h, "systemctl", "stop", "nginx") // the test starts its own
			runInside(ctx, t, h, "./check", "integration", "TestCertbot", nil)
		})
	}
}

// runInside builds a package's tests and runs them in the host.
func runInside(ctx context.Context, t *testing.T, h *host.Host, pkg, tags, pattern string, env []string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "package.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", tags, "-o", binary, pkg)
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the tests of %s: %v\n%s", pkg, err, out)
	}
	dir := "/root/" + strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")
	must(ctx, t, h, "mkdir", "-p", dir)
	if err := h.Copy(ctx, binary, dir+"/package.test"); err != nil {
		t.Fatal(err)
	}
	if data := filepath.Join("..", pkg, "testdata"); exists(data) {
		tar := exec.CommandContext(ctx, "tar", "-C", filepath.Dir(data), "-cf", "-", "testdata")
		packed, err := tar.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.WriteFile(ctx, dir+"/testdata.tar", packed, 0o600); err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "tar", "-C", dir, "-xf", dir+"/testdata.tar")
	}
	script := "cd " + dir + " && " + strings.Join(env, " ") + " ./package.test -test.v -test.timeout 8m -test.run '" + pattern + "' 2>&1"
	out, err := h.Shell(ctx, script)
	passed, skipped := strings.Count(out, "--- PASS"), strings.Count(out, "--- SKIP")
	t.Logf("%s: %d passed, %d skipped", pkg, passed, skipped)
	if err != nil || passed == 0 {
		t.Errorf("%s\n%s", failures(out), tail(fmt.Sprint(err), 20)) // the error has the whole output
	}
}

// failures is what the failed tests of a verbose run wrote.
func failures(out string) string {
	var b strings.Builder
	for _, part := range strings.SplitAfter(out, "=== RUN   ")[1:] {
		name, _, _ := strings.Cut(part, "\n")
		if strings.Contains(out, "--- FAIL: "+name+" (") {
			wrote, _, _ := strings.Cut(strings.TrimSuffix(part, "=== RUN   "), "\n--- ")
			b.WriteString(wrote)
		}
	}
	return b.String()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

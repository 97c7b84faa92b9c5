//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeman/integration/host"
)

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "integration: needs root to boot test hosts")
		os.Exit(1)
	}
	if os.Getenv(orphanEnv) != "" {
		becomeOrphan()
	}
	if err := host.Sweep(os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		os.Exit(1)
	}
	go downOnSignal()
	code := m.Run()
	hosts.downAll()
	os.Exit(code)
}

// downOnSignal leaves nothing behind on Ctrl-C or on go test's own timeout
// signal; after a kill -9 or a panic the hosts die with the process and the next
// run sweeps what is left on disk.
func downOnSignal() {
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, os.Interrupt, syscall.SIGTERM)
	<-sig
	hosts.downAll()
	os.Exit(130)
}

func releases() []string {
	if list := os.Getenv("EDGEMAN_RELEASES"); list != "" {
		return strings.Fields(list)
	}
	return []string{"bookworm", "trixie"}
}

// Run runs a test once on a fresh host of every release, in parallel with other
// tests. Call it once in a test, first. Its context ends a little before go
// test's own deadline, so that a hanging test still gets its journal collected.
func Run(t *testing.T, test func(ctx context.Context, t *testing.T, h *host.Host)) {
	t.Helper()
	t.Parallel()
	for _, release := range releases() {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			test(ctx, t, Up(ctx, t, release))
		})
	}
}

// everywhere asks for all cases and shapes on every release, instead of one
// release's turn each.
const everywhere = "EDGEMAN_CASES_EVERYWHERE"

// RunInTurn runs the test on one release, the n-th's turn, or on all of them if that
// is asked for.
func RunInTurn(t *testing.T, n int, test func(ctx context.Context, t *testing.T, h *host.Host)) {
	t.Helper()
	t.Parallel()
	for i, release := range releases() {
		if n%len(releases()) != i && os.Getenv(everywhere) == "" {
			continue
		}
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			test(ctx, t, Up(ctx, t, release))
		})
	}
}

func testContext(t *testing.T) context.Context {
	deadline := time.Now().Add(15 * time.Minute)
	if d, ok := t.Deadline(); ok && d.Add(-30*time.Second).Before(deadline) {
		deadline = d.Add(-30 * time.Second)
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// Up boots a fresh host of the release, with more packages in it if any are
// named; it goes down when the test ends. When the test failed, what the host
// has to say goes to a file named in the output and its last lines into the
// test's log.
func Up(ctx context.Context, t *testing.T, release string, packages ...string) *host.Host {
	t.Helper()
	h, err := host.Up(ctx, host.Options{Release: release, Log: os.Stderr, Packages: packages})
	if err != nil {
		t.Fatalf("boot a %s host: %v", release, err)
	}
	hosts.add(h)
	t.Cleanup(func() {
		if t.Failed() {
			collect(t, h)
			if os.Getenv("EDGEMAN_KEEP") != "" {
				t.Logf("EDGEMAN_KEEP: %s stays up until this run ends; press Ctrl-C when done", h.Name)
				select {}
			}
		}
		hosts.down(t, h)
	})
	return h
}

// collect saves the host's journal. The file outlives the test run.
func collect(t *testing.T, h *host.Host) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := filepath.Join(os.TempDir(), "edgeman-"+strings.ReplaceAll(t.Name(), "/", "-")+".log")
	f, err := os.Create(name)
	if err != nil {
		t.Log(err)
		return
	}
	defer f.Close()
	h.Journal(ctx, f)
	data, _ := os.ReadFile(name)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines = lines[max(0, len(lines)-20):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 200)] // the test's own words must not drown in them
	}
	t.Logf("host's journal: %s; it ends:\n%s", name, strings.Join(lines, "\n"))
}

// Install copies the built binaries to where "edgeman install" puts them.
func Install(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	must(ctx, t, h, "mkdir", "-p", "/usr/local/lib/edgeman")
	for name, to := range map[string]string{"edgeman": "/usr/local/bin/edgeman", "edgeman-init": "/usr/local/lib/edgeman/edgeman-init"} {
		err := h.Copy(ctx, filepath.Join("..", "bin", name), to)
		if errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v: run make build first", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// must runs a command in the host and fails the test if the command fails.
func must(ctx context.Context, t *testing.T, h *host.Host, args ...string) string {
	t.Helper()
	out, err := h.Run(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// site installs and enables an nginx site, and waits for nginx to serve with it.
func site(ctx context.Context, t *testing.T, h *host.Host, name, conf string) {
	t.Helper()
	if err := h.WriteFile(ctx, "/etc/nginx/sites-available/"+name, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	must(ctx, t, h, "ln", "-sf", "../sites-available/"+name, "/etc/nginx/sites-enabled/"+name)
	must(ctx, t, h, "rm", "-f", "/etc/nginx/sites-enabled/default")
	must(ctx, t, h, "nginx", "-t")
	reloadNginx(ctx, t, h)
}

// reloadNginx waits until no worker with the old configuration accepts; the
// command itself returns when the master has been told.
func reloadNginx(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	workers := func() []string {
		out, _ := h.Run(ctx, "pgrep", "-f", "^nginx: worker process *$")
		return strings.Fields(out)
	}
	old := workers()
	must(ctx, t, h, "systemctl", "reload", "nginx")
	eventually(ctx, t, time.Minute, "nginx has new workers only", func() bool {
		now := workers()
		return len(now) > 0 && !slices.ContainsFunc(now, func(pid string) bool { return slices.Contains(old, pid) })
	})
}

// eventually polls until f reports true.
func eventually(ctx context.Context, t *testing.T, limit time.Duration, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("after %v still not: %s", limit, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

//go:build integration

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"edgeman/deployer/outcome"
	"edgeman/integration/host"
	"edgeman/integration/load"
	"edgeman/integration/sites"
)

// Sites made by chance are adopted and given back by the real commands, in any
// order, killed at any change that they make to files: no request fails, every
// answer stays what it was, and in the end every byte is back. What only needs
// nginx is tried far more often by deployer's TestPlans.
func TestAnyOrderAnyKill(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		tool, err := host.Tool(ctx, "./integration/cmd/failpoint")
		if err == nil {
			err = h.Copy(ctx, tool, "/opt/failpoint")
		}
		if err == nil {
			err = h.BuildImages(ctx, host.Image{Tag: "myapp:v1"})
		}
		if err != nil {
			t.Fatal(err)
		}
		must(ctx, t, h, "rm", "-f", "/etc/nginx/sites-enabled/default")
		must(ctx, t, h, "edgeman", "install")
		var addresses []string
		for i := range 3 {
			addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", 8081+i))
			must(ctx, t, h, "docker", "run", "--detach", "--name", fmt.Sprintf("app%d", i), "--restart", "always", "--publish", addresses[i]+":8080", "myapp:v1")
		}
		must(ctx, t, h, "cp", "-a", "/etc/nginx", "/root/nginx")
		turn := slices.Index(releases(), h.Release)
		for seed := range uint64(5) {
			if int(seed)%len(releases()) != turn && os.Getenv(longEnv) == "" {
				continue // another release's turn
			}
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				must(ctx, t, h, "sh", "-c", "find /etc/nginx -mindepth 1 -delete && cp -a /root/nginx/. /etc/nginx/")
				rng := rand.New(rand.NewPCG(seed, 1))
				w := &walk{ctx: ctx, T: t, h: h, rng: rng, tree: sites.New(rng, addresses, "80")}
				w.run()
			})
		}
	})
}

// walk is one tree on a host, and what is done with it.
type walk struct {
	*testing.T
	ctx   context.Context
	h     *host.Host
	rng   *rand.Rand
	tree  sites.Tree
	kills int
}

func (w *walk) run() {
	w.put()
	before, tree := w.answers(), nginxTree(w.ctx, w.T, w.h)
	loads := w.startLoads()
	for range 5 {
		w.step(w.tree.Apps[w.rng.IntN(len(w.tree.Apps))].Name)
		w.same(before)
	}
	for left := w.adopted(); len(left) > 0 && !w.Failed(); left = w.adopted() {
		w.step(left[w.rng.IntN(len(left))])
		w.same(before)
	}
	requests := 0
	for _, l := range loads {
		r, err := l.Stop()
		if err != nil {
			w.Fatal(err)
		}
		if requests += r.Requests; r.Failed > 0 {
			w.Errorf("%d of %d requests failed: %q", r.Failed, r.Requests, r.Errors)
		}
	}
	w.Logf("%d kills, %d requests", w.kills, requests)
	if now := nginxTree(w.ctx, w.T, w.h); now != tree {
		w.Errorf("below /etc/nginx differs:\n%s", diff.Diff("before", []byte(tree), "now", []byte(now)))
	}
	left := comesTo(w.ctx, w.T, w.h, "docker ps --all --format '{{.Names}} {{.State}}' | sort | tr '\\n' ' '", "app0 running app1 running app2 running ")
	if left != "app0 running app1 running app2 running" {
		w.Errorf("containers at the end: %s", left)
	}
}

// put writes the tree and makes nginx serve it.
func (w *walk) put() {
	w.Helper()
	for file, text := range w.tree.Files {
		file = path.Join("/etc/nginx", file)
		must(w.ctx, w.T, w.h, "mkdir", "-p", path.Dir(file))
		if err := w.h.WriteFile(w.ctx, file, []byte(text), 0o644); err != nil {
			w.Fatal(err)
		}
	}
	for link, to := range w.tree.Links {
		must(w.ctx, w.T, w.h, "ln", "-s", to, path.Join("/etc/nginx", link))
	}
	must(w.ctx, w.T, w.h, "nginx", "-t")
	reloadNginx(w.ctx, w.T, w.h)
}

// step adopts an app, or gives it back; each may be killed. What was killed is
// mended by repair, or by the next command.
func (w *walk) step(app string) {
	args := []string{"edgeman", "unadopt", app, "--yes"}
	if !slices.Contains(w.adopted(), app) {
		i := int(app[len(app)-1] - '0')
		a := w.tree.Apps[i]
		args = []string{"edgeman", "adopt", path.Join("/etc/nginx", a.Site), "--yes", "--everywhere", "--only", a.Address, "--name", app}
	}
	if w.rng.IntN(2) == 0 {
		w.kill(app, args)
		return
	}
	code, out := run(w.ctx, w.T, w.h, args...)
	w.Logf("%v: exit %d %s", args, code, firstLine(out))
	waits := code == outcome.ExitRefused && (args[1] == "adopt" || contains(out, "first give back"))
	if code != outcome.ExitDone && !waits {
		w.Errorf("%v: exit %d\n%s", args, code, out)
	}
}

// changes are about how many each command makes below the directories that are
// watched, fewer rather than more: then it is killed.
var changes = map[string]int{"adopt": 26, "unadopt": 18}

func (w *walk) kill(app string, args []string) {
	n := 1 + w.rng.IntN(changes[args[1]])
	must(w.ctx, w.T, w.h, "rm", "-f", "/tmp/report")
	run(w.ctx, w.T, w.h, append([]string{"/opt/failpoint", "-at", fmt.Sprint(n), "-under", "/var/lib/edgeman,/etc", "-report", "/tmp/report", "--"}, args...)...)
	at := must(w.ctx, w.T, w.h, "sh", "-c", "cat /tmp/report || true")
	if at != "" {
		w.kills++
	}
	w.Logf("%v, killed at %s", args, at)
	if w.rng.IntN(3) == 0 && slices.Contains(w.adopted(), app) {
		args = []string{"edgeman", "unadopt", app, "--yes"}
	} else {
		args = []string{"edgeman", "repair", app}
	}
	code, out := run(w.ctx, w.T, w.h, args...)
	w.Logf("%v: exit %d %s", args, code, firstLine(out))
	if code != outcome.ExitDone && code != outcome.ExitRefused {
		w.Errorf("after a kill, %v: exit %d\n%s", args, code, out)
	}
}

func (w *walk) adopted() (apps []string) {
	w.Helper()
	for _, a := range statusOf(w.ctx, w.T, w.h).Apps {
		apps = append(apps, a.Name)
	}
	return apps
}

// startLoads asks for some of what there is, all the time.
func (w *walk) startLoads() []*host.Load {
	w.Helper()
	var loads []*host.Load
	for _, a := range w.tree.Asks {
		if a.Tenant != "" || len(loads) == 3 {
			continue
		}
		l, err := w.h.StartLoad(w.ctx, load.Options{URL: "http://127.0.0.1" + a.Path, Host: a.Host, Rate: 25, Plain: true, Keepalive: len(loads) == 0})
		if err != nil {
			w.Fatal(err)
		}
		loads = append(loads, l)
	}
	return loads
}

// answers are those to every request of the tree.
func (w *walk) answers() []string {
	w.Helper()
	var all []string
	for _, a := range w.tree.Asks {
		args := []string{"curl", "-s", "-i", "--max-time", "60", "--retry", "3", "-H", "Host: " + a.Host, "http://127.0.0.1" + a.Path}
		if a.Tenant != "" {
			args = append(args, "-H", "X-Tenant: "+a.Tenant)
		}
		_, out := run(w.ctx, w.T, w.h, args...)
		all = append(all, comparable(out))
	}
	return all
}

func (w *walk) same(before []string) {
	w.Helper()
	for i, now := range w.answers() {
		if now != before[i] {
			w.Errorf("%v:\n%s", w.tree.Asks[i], diff.Diff("before", []byte(before[i]), "now", []byte(now)))
		}
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Command demo shows the difference: the same load on the same machine, once
// while the app's container is restarted with docker, once while it is swapped
// with edgeman. The machine is a throw-away test host.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

const rounds = 8

const site = `upstream my_app {
    server 127.0.0.1:8080;
}
server {
    listen 80 default_server;
    location / {
        proxy_pass http://my_app;
        proxy_set_header Host $host;
    }
}
`

var traffic = load.Options{URL: "http://127.0.0.1/", Rate: 200, PostBytes: 10_000}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) (err error) {
	if err := host.Sweep(os.Stderr); err != nil {
		return err
	}
	release := os.Getenv("EDGEMAN_RELEASE")
	if release == "" {
		release = "bookworm"
	}
	say("booting a throw-away %s host with its own systemd, nginx and Docker", release)
	h, err := host.Up(ctx, host.Options{Release: release, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Down()) }()
	if err := prepare(ctx, h); err != nil {
		return err
	}
	say("%d plain docker restarts, under %d requests a second", rounds, traffic.Rate)
	restarts, err := under(ctx, h, func(int) error {
		_, err := h.Run(ctx, "docker", "restart", "myapp")
		return err
	})
	if err != nil {
		return err
	}
	if err := show(ctx, h, "adopt", "--yes", "/etc/nginx/sites-available/myapp"); err != nil {
		return err
	}
	say("%d edgeman swaps, under the same load", rounds)
	swaps, err := under(ctx, h, func(i int) error {
		return show(ctx, h, "swap", "myapp", []string{"v2", "v1"}[i%2])
	})
	if err != nil {
		return err
	}
	table(restarts, swaps)
	if n := swaps.Broken(); n > 0 {
		return fmt.Errorf("%d requests were lost during the swaps: %q", n, swaps.Errors)
	}
	return nil
}

// prepare puts a hand-written site in front of a container, as a user has it.
func prepare(ctx context.Context, h *host.Host) error {
	for _, name := range []string{"edgeman", "edgeman-init"} {
		if err := h.Copy(ctx, filepath.Join("bin", name), "/usr/local/bin/"+name); err != nil {
			return err
		}
	}
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:v1"}, host.Image{Tag: "myapp:v2"}); err != nil {
		return err
	}
	if err := h.WriteFile(ctx, "/etc/nginx/sites-available/myapp", []byte(site), 0o644); err != nil {
		return err
	}
	_, err := h.Shell(ctx, `
docker run --detach --name myapp --restart always --publish 127.0.0.1:8080:8080 myapp:v1
rm /etc/nginx/sites-enabled/default
ln -s ../sites-available/myapp /etc/nginx/sites-enabled/myapp
nginx -t
systemctl restart nginx
for i in $(seq 100); do curl -sf http://127.0.0.1/health && exit; sleep 0.1; done
exit 1`)
	return err
}

// under does something rounds times, half a second apart, while the load runs.
func under(ctx context.Context, h *host.Host, do func(i int) error) (load.Result, error) {
	l, err := h.StartLoad(ctx, traffic)
	if err != nil {
		return load.Result{}, err
	}
	for i := range rounds {
		pause(ctx)
		if err := do(i); err != nil {
			return load.Result{}, err
		}
	}
	pause(ctx)
	return l.Stop()
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
}

// show runs an edgeman command in the host and lets the user see what it says.
func show(ctx context.Context, h *host.Host, args ...string) error {
	args = append([]string{"edgeman"}, args...)
	fmt.Fprintln(os.Stderr, "$ sudo", strings.Join(args, " "))
	cmd := h.Exec(ctx, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "\n== "+format+"\n", args...) }

func table(restarts, swaps load.Result) {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\trequests\tfailed\tlongest wait\t")
	for _, row := range []struct {
		name string
		r    load.Result
	}{
		{fmt.Sprintf("%d × docker restart", rounds), restarts},
		{fmt.Sprintf("%d × edgeman swap", rounds), swaps},
	} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t\n", row.name, row.r.Requests, row.r.Failed, row.r.Longest.Round(time.Millisecond))
	}
	w.Flush()
}

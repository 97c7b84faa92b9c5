// Command bench measures edgeman side by side with what people use today, on a
// throw-away test host, and prints what it found.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"edgeman/integration/bench"
	"edgeman/integration/host"
)

// packages bring the peers and the load client into the host.
var packages = []string{"haproxy", "caddy", "wrk"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 45*time.Minute)
	defer cancel()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// flags of the command.
type flags struct {
	release, out, docs, parts string
	options                   bench.Options
}

func parse() flags {
	var f flags
	quick := flag.Bool("quick", false, "short rounds and few of them: for a look, not for figures")
	rounds := flag.Int("rounds", 0, "rounds of throughput; 0: as many as usual")
	replacements := flag.Int("replacements", 0, "replacements of each kind; 0: as many as usual")
	only := flag.String("peers", "", "measure throughput of these alone, for example \"published edgeman-proxy\"")
	flag.StringVar(&f.release, "release", "bookworm", "Debian release of the host")
	flag.StringVar(&f.parts, "parts", strings.Join(bench.Parts, " "), "which parts to run")
	flag.StringVar(&f.out, "out", "bin/bench", "directory for bench.json and performance.svg")
	flag.StringVar(&f.docs, "docs", "", "directory of performance.md, to write the tables and the chart into")
	flag.Parse()
	f.options = bench.Settings(*quick)
	if *rounds > 0 {
		f.options.Throughput.Rounds = *rounds
	}
	if *replacements > 0 {
		f.options.Swap.Replacements = *replacements
	}
	f.options.Throughput.Peers = strings.Fields(*only)
	return f
}

func run(ctx context.Context, f flags) (err error) {
	if err := host.Sweep(os.Stderr); err != nil {
		return err
	}
	say("booting a throw-away %s host with %s", f.release, strings.Join(packages, ", "))
	h, err := host.Up(ctx, host.Options{Release: f.release, Log: os.Stderr, Packages: packages})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Down()) }()
	if err := install(ctx, h); err != nil {
		return err
	}
	b, err := bench.Setup(ctx, world(h))
	if err != nil {
		return err
	}
	report, err := b.Measure(ctx, strings.Fields(f.parts), f.options)
	if report != nil {
		fmt.Print(report.Text())
		err = errors.Join(err, report.Save(f.out))
	}
	if err != nil || f.docs == "" {
		return err
	}
	return report.Document(f.docs)
}

// install puts the app's images, the binaries and the load client into the host.
func install(ctx context.Context, h *host.Host) error {
	tool, err := host.Tool(ctx, "./integration/cmd/load")
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		tool:                                 "/opt/load",
		filepath.Join("bin", "edgeman"):      "/usr/local/bin/edgeman",
		filepath.Join("bin", "edgeman-init"): "/usr/local/bin/edgeman-init",
	} {
		if err := h.Copy(ctx, from, to); err != nil {
			return err
		}
	}
	return h.BuildImages(ctx, host.Image{Tag: "bench:v1"}, host.Image{Tag: "bench:v2"})
}

func world(h *host.Host) *bench.World {
	return &bench.World{
		Run:   h.Run,
		Write: h.WriteFile,
		Start: func(ctx context.Context, args ...string) (func() (string, error), error) { return start(ctx, h, args) },
		Say:   say,
		Sleep: func(ctx context.Context, d time.Duration) {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		},
	}
}

func start(ctx context.Context, h *host.Host, args []string) (stop func() (string, error), err error) {
	cmd := h.Exec(ctx, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (string, error) {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", args[0], err, stderr.String())
		}
		return stdout.String(), nil
	}, nil
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

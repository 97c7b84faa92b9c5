// Command testhost builds, boots and enters throw-away Debian hosts by hand.
// Hosts booted here outlive the command; "testhost down" removes them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"edgeman/integration/host"
)

const usage = `usage:
  testhost build RELEASE...       build the cached roots (bullseye, bookworm, trixie, forky),
                                  print the releases that are ready
  testhost up NAME RELEASE        boot a new host
  testhost exec NAME -- CMD...    run a command in it, as root
  testhost shell NAME             an interactive shell in it
  testhost cp NAME SRC DST        copy a file into it
  testhost poweroff NAME          shut it down in order
  testhost cut NAME               cut its power: kill everything at once
  testhost boot NAME              boot it again, same disk
  testhost reboot NAME            poweroff and boot
  testhost journal NAME           journal, nginx error log, containers
  testhost down NAME...           remove it
  testhost list                   every host on this machine
`

type command struct {
	args int // at least
	run  func(ctx context.Context, args []string) error
}

var commands = map[string]command{
	"build": {1, build},
	"up": {2, func(ctx context.Context, a []string) error {
		_, err := host.Up(ctx, host.Options{Name: a[0], Release: a[1], Keep: true, Log: os.Stderr})
		return err
	}},
	"exec": {2, enter},
	"shell": {1, func(ctx context.Context, a []string) error {
		return enter(ctx, []string{a[0], "env", "TERM=xterm", "bash", "-l"})
	}},
	"cp": {3, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { return h.Copy(ctx, a[1], a[2]) })
	}},
	"poweroff": {1, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { return h.PowerOff(ctx) })
	}},
	"cut": {1, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { return h.PowerCut(ctx) })
	}},
	"boot": {1, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { return h.Boot(ctx) })
	}},
	"reboot": {1, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { return h.Reboot(ctx) })
	}},
	"journal": {1, func(ctx context.Context, a []string) error {
		return with(a[0], func(h *host.Host) error { h.Journal(ctx, os.Stdout); return nil })
	}},
	"down": {1, func(_ context.Context, a []string) error {
		var errs []error
		for _, name := range a {
			errs = append(errs, with(name, (*host.Host).Down))
		}
		return errors.Join(errs...)
	}},
	"list": {0, func(context.Context, []string) error {
		for _, h := range host.List() {
			state := "off"
			if h.Running() {
				state = "up"
			}
			fmt.Printf("%s\t%s\t%s\n", h.Name, h.Release, state)
		}
		return nil
	}},
}

// build goes on without forky, which is in development and may be broken on any
// day, but says so loudly.
func build(ctx context.Context, releases []string) error {
	for _, release := range releases {
		_, err := host.Build(ctx, release, os.Stderr)
		switch {
		case err == nil:
			fmt.Println(release)
		case release == "forky" && ctx.Err() == nil:
			fmt.Fprintf(os.Stderr, "\n*** %s could not be built and is left out: %v ***\n\n", release, err)
		default:
			return err
		}
	}
	return nil
}

func with(name string, f func(*host.Host) error) error {
	h, err := host.Attach(name)
	if err != nil {
		return err
	}
	return f(h)
}

// enter runs a command in the host on this process's own terminal.
func enter(ctx context.Context, args []string) error {
	name, args := args[0], args[1:]
	if args[0] == "--" {
		args = args[1:]
	}
	return with(name, func(h *host.Host) error {
		cmd := h.Exec(ctx, args...)
		cmd.SysProcAttr = nil // stay in the terminal's foreground group
		cmd.Cancel = nil
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{""}
	}
	c, ok := commands[args[0]]
	if !ok || len(args)-1 < c.args {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := c.run(ctx, args[1:])
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && args[0] == "exec" {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testhost:", err)
		os.Exit(1)
	}
}

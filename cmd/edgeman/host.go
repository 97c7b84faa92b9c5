package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
	"edgeman/deployer/docker"
	"edgeman/deployer/hint"
	"edgeman/deployer/nginx"
	"edgeman/sockets/systemd"
)

// action is a command's work on the host.
type action func(ctx context.Context, c *cli.Context, h *deployer.Host) error

// part opens one thing that a command works with, and says how to close it.
type part func(ctx context.Context, h *deployer.Host) (func(), error)

// onHost runs do with the parts of the host that it needs, until it is done or
// a signal ends its context.
func onHost(env *environment, c *cli.Context, do action, parts ...part) error {
	ctx, stop := interruptible(c.Context, env.stderr)
	defer stop()
	h := &deployer.Host{
		Paths: env.paths, System: env.system, Files: deployer.OSFiles{},
		In: env.stdin, Out: env.stdout, Err: env.stderr,
		Version: programVersion(), Wait: c.Duration("wait"),
	}
	if env.open != nil {
		parts = []part{env.open}
	}
	for _, p := range parts {
		done, err := p(ctx, h)
		if err != nil {
			return deployer.Interrupted(ctx, err)
		}
		defer done()
	}
	return deployer.Interrupted(ctx, do(ctx, c, h))
}

func withUnits(ctx context.Context, h *deployer.Host) (func(), error) {
	units, err := systemd.Open(ctx)
	if err != nil {
		return nil, hint.With(fmt.Errorf("talking to systemd: %w", err), "edgeman needs systemd as PID 1")
	}
	h.Units = units
	return units.Close, nil
}

func withDocker(ctx context.Context, h *deployer.Host) (func(), error) {
	client, err := docker.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("talking to Docker: %w", err)
	}
	h.Docker = client
	return func() { client.Close() }, nil
}

// tryDocker is for commands that do something useful without Docker, too.
func tryDocker(ctx context.Context, h *deployer.Host) (func(), error) {
	done, err := withDocker(ctx, h)
	if err != nil {
		fmt.Fprintf(h.Err, "note: %s\n", firstLine(err))
		return func() {}, nil
	}
	return done, nil
}

// quietDocker leaves what only Docker knows out where it does not answer: the
// slots' own words tell of that.
func quietDocker(ctx context.Context, h *deployer.Host) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	done, err := withDocker(ctx, h)
	if err != nil {
		return func() {}, nil
	}
	return done, nil
}

// report prints the result of a command as JSON. Of a plan nothing else was asked
// for; what was done stays done, whether it can be read or not.
func report(h *deployer.Host, result any, planned bool) error {
	err := h.PrintJSON(result)
	if planned {
		return err
	}
	h.Unwritten(err)
	return nil
}

func withNginx(ctx context.Context, h *deployer.Host) (func(), error) {
	server, err := nginx.Open(ctx, nginx.Options{})
	if err != nil {
		return nil, fmt.Errorf("looking at nginx: %w", err)
	}
	h.Nginx = server
	return func() {}, nil
}

// tryNginx is for commands that only say more with nginx at hand.
func tryNginx(ctx context.Context, h *deployer.Host) (func(), error) {
	if _, err := withNginx(ctx, h); err != nil {
		fmt.Fprintf(h.Err, "note: %s\n", firstLine(err))
	}
	return func() {}, nil
}

// tryUnits leaves what only systemd knows out where it does not answer.
func tryUnits(ctx context.Context, h *deployer.Host) (func(), error) {
	done, err := withUnits(ctx, h)
	if err != nil {
		fmt.Fprintf(h.Err, "note: what systemd knows is left out: %s\n", firstLine(err))
		return func() {}, nil
	}
	return done, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

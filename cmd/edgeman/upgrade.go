package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/swap"
)

func upgradeCommand() command {
	return command{
		root: true, arguments: arguments{"[APP...]", 0, unlimited, appNames}, parts: []part{withUnits, withDocker, withNginx},
		Command: cli.Command{
			Name:     "upgrade",
			Category: groupMend,
			Usage:    "install this edgeman and move apps to it, each by a swap to its own release",
			Description: "An app's service runs the edgeman it was started with until then. Nothing is dropped.\n" +
				"Without APP, --all is needed.",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "all", Usage: "every adopted app"},
				drainFlag(),
				timeoutFlag(),
				letWaitFlag(),
			},
		},
		plan: func(c *cli.Context) (action, error) {
			if c.Bool("all") == (c.NArg() > 0) {
				return nil, hint.With(usage("name the apps to move, or all of them with --all"), "%s", helpHint(c.Command))
			}
			o := swap.Options{LetWait: c.Bool("let-wait")}
			var err error
			o.Drain, o.Timeout, err = limits(c)
			return func(ctx context.Context, h *host) error { return upgrade(ctx, h, c.Args().Slice(), o) }, err
		},
	}
}

// upgrade goes on with the next app after one that failed: each is whole
// before and after.
func upgrade(ctx context.Context, h *host, apps []string, o swap.Options) error {
	if len(apps) == 0 {
		var err error
		if apps, err = h.paths.AppNames(); err != nil {
			return err
		}
	}
	if err := h.paths.Adopted(apps...); err != nil {
		return err
	}
	if err := h.install().EnsureInstalled(ctx); err != nil {
		return err
	}
	var failed []error
	for i, app := range apps {
		o.App, o.Renew = app, true
		result, err := h.swap().Restart(ctx, o)
		if err = printSwap(h, result, err, false); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", app, err))
		}
		if ctx.Err() != nil {
			failed = append(failed, notMoved(apps[i+1:]))
			break
		}
	}
	return errors.Join(failed...)
}

// notMoved names the apps that an interrupted upgrade did not come to.
func notMoved(apps []string) error {
	if len(apps) == 0 {
		return nil
	}
	names := strings.Join(apps, " ")
	return hint.With(fmt.Errorf("%w: not moved yet: %s", outcome.ErrInterrupted, names), "edgeman upgrade %s", names)
}

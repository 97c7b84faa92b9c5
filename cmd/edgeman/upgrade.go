package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func upgradeCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "upgrade",
		Category:  groupMend,
		Usage:     "install this edgeman and move apps to it, each by a swap to its own release",
		ArgsUsage: "[APP...]",
		Description: "An app's service runs the edgeman it was started with until then. Nothing is dropped.\n" +
			"Without APP, --all is needed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "every adopted app"},
			drainFlag(),
			timeoutFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := needRoot(env, c); err != nil {
				return err
			}
			if c.Bool("all") == (c.NArg() > 0) {
				return usage("name the apps to move, or all of them with --all\nhint: %s", helpHint(c.Command))
			}
			var o deployer.SwapOptions
			var err error
			if o.Drain, err = duration(c, "drain"); err != nil {
				return err
			}
			if o.Timeout, err = duration(c, "timeout"); err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				return upgrade(ctx, h, c.Args().Slice(), o)
			}, withUnits, withDocker, withNginx)
		},
	}
}

// upgrade goes on with the next app after one that failed: each is whole
// before and after.
func upgrade(ctx context.Context, h *deployer.Host, apps []string, o deployer.SwapOptions) error {
	if len(apps) == 0 {
		var err error
		if apps, err = h.Paths.AppNames(); err != nil {
			return err
		}
	}
	if err := h.EnsureInstalled(ctx); err != nil {
		return err
	}
	var failed []error
	for _, app := range apps {
		o.App, o.Renew = app, true
		result, err := h.Restart(ctx, o)
		if err = printSwap(h, result, err, false); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", app, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

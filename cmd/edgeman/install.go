package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func installCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:     "install",
		Category: groupMend,
		Usage:    "put edgeman's units, directories and itself in place on this host",
		Description: "It may be run again at any time: what is right is left alone, and no running slot is\n" +
			"disturbed. adopt runs it when needed.",
		Flags: []cli.Flag{dryRunFlag(), jsonFlag()},
		Action: func(c *cli.Context) error {
			return hostCommand(env, c, (*deployer.Host).Install, "edgeman is installed; nothing to change", withUnits, withNginx, tryDocker)
		},
	}
}

func uninstallCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:        "uninstall",
		Category:    groupMend,
		Usage:       "remove everything that install put in place",
		Description: "It is refused while an app is adopted. Settings in /etc/edgeman stay.",
		Flags:       []cli.Flag{dryRunFlag(), jsonFlag()},
		Action: func(c *cli.Context) error {
			return hostCommand(env, c, (*deployer.Host).Uninstall, "edgeman is not installed; nothing to remove", withUnits)
		},
	}
}

// hostCommand runs install or uninstall and prints what it changed.
func hostCommand(env *environment, c *cli.Context, do func(*deployer.Host, context.Context, bool) (deployer.InstallResult, error), nothing string, parts ...part) error {
	if err := needRoot(env, c); err != nil {
		return err
	}
	if err := takes(c, 0, 0); err != nil {
		return err
	}
	return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
		result, err := do(h, ctx, c.Bool("dry-run"))
		if c.Bool("json") && err == nil {
			return report(h, result, result.DryRun)
		}
		for _, change := range result.Changes {
			fmt.Fprintln(h.Out, change)
		}
		if err == nil && len(result.Changes) == 0 {
			fmt.Fprintln(h.Out, nothing)
		}
		return err
	}, parts...)
}

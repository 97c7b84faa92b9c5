package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/install"
)

func installCommand() command {
	return command{
		root: true, parts: []part{withUnits, withNginx, tryDocker},
		Command: cli.Command{
			Name:     "install",
			Category: groupMend,
			Usage:    "put edgeman's units, directories and itself in place on this host",
			Description: "It may be run again at any time: what is right is left alone, and no running slot is\n" +
				"disturbed. adopt runs it when needed.",
			Flags: []cli.Flag{dryRunFlag(), jsonFlag()},
		},
		plan: changingHost((*install.Host).Install, "edgeman is installed; nothing to change"),
	}
}

func uninstallCommand() command {
	return command{
		root: true, parts: []part{withUnits},
		Command: cli.Command{
			Name:        "uninstall",
			Category:    groupMend,
			Usage:       "remove everything that install put in place",
			Description: "It is refused while an app is adopted. Settings in /etc/edgeman stay.",
			Flags:       []cli.Flag{dryRunFlag(), jsonFlag()},
		},
		plan: changingHost((*install.Host).Uninstall, "edgeman is not installed; nothing to remove"),
	}
}

// changingHost plans an install or uninstall, which print what they change.
func changingHost(do func(*install.Host, context.Context, bool) (install.Result, error), nothing string) func(*cli.Context) (action, error) {
	return func(c *cli.Context) (action, error) {
		return func(ctx context.Context, h *host) error {
			result, err := do(h.install(), ctx, c.Bool("dry-run"))
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
		}, nil
	}
}

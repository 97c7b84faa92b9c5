package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func logsCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:        "logs",
		Category:    groupLook,
		Usage:       "what an app's containers and services said",
		ArgsUsage:   "APP",
		Description: "It reads the journal: root may, and members of the groups systemd-journal and adm.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Value: 100, Usage: "the last `N` lines, 0 for all"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := takes(c, 1, 1); err != nil {
				return err
			}
			o := deployer.LogsOptions{Follow: c.Bool("follow"), Lines: c.Int("lines"), JSON: c.Bool("json"), User: env.euid}
			var err error
			if o.App, err = appName(c); err != nil {
				return err
			}
			if o.Lines < 0 {
				return usage("--lines %d is negative", o.Lines)
			}
			return onHost(env, c, func(_ context.Context, _ *cli.Context, h *deployer.Host) error {
				argv, err := h.LogsCommand(o)
				if err != nil {
					return err
				}
				return env.exec(argv)
			})
		},
	}
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/status"
)

func logsCommand(env *environment) command {
	return command{
		arguments: oneApp,
		Command: cli.Command{
			Name:        "logs",
			Category:    groupLook,
			Usage:       "what an app's containers and services said",
			Description: "It reads the journal: root may, and members of the groups systemd-journal and adm.",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "keep printing what the app logs"},
				&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Value: 100, Usage: "the last `N` lines, 0 for all"},
				jsonFlag(),
			},
		},
		plan: func(c *cli.Context) (action, error) {
			lines, err := lineCount(c)
			o := status.LogsOptions{App: c.Args().First(), Follow: c.Bool("follow"), Lines: lines, JSON: c.Bool("json"), User: env.euid}
			return func(_ context.Context, h *host) error {
				argv, err := h.status().LogsCommand(o)
				if err != nil {
					return err
				}
				return env.exec(argv)
			}, err
		},
	}
}

package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"
)

func statusCommand(env *environment) command {
	cmd := command{
		arguments: arguments{"[APP]", 0, 1, appName},
		Command: cli.Command{
			Name:     "status",
			Category: groupLook,
			Usage:    "what serves, since when, and what to do if something is wrong",
			Description: "Without APP all apps are shown. Without root, what only root may read is left out.\n" +
				"States: starting, candidate, live, draining, warm, paused, idle, failed, empty.",
			Flags: []cli.Flag{jsonFlag()},
		},
		plan: func(c *cli.Context) (action, error) {
			return func(ctx context.Context, h *host) error {
				return printStatus(ctx, h, c.Args().First(), c.Bool("json"), coloured(env, c))
			}, nil
		},
	}
	if env.euid == 0 { // systemd's own socket is root's only, and so is Docker's as a rule
		cmd.parts = []part{tryUnits, quietDocker}
	}
	return cmd
}

func printStatus(ctx context.Context, h *host, app string, asJSON, colour bool) error {
	s, err := h.status().Status(ctx, app)
	if err != nil {
		return err
	}
	if asJSON {
		return h.PrintJSON(s)
	}
	if err := s.Print(h.Out, time.Now(), colour); err != nil || app == "" {
		return err
	}
	return s.Apps[0].PrintDetails(h.Out, time.Now())
}

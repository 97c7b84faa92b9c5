package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/status"
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

func historyCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{tryDocker},
		Command: cli.Command{
			Name:     "history",
			Category: groupLook,
			Usage:    "what happened to an app: release, when, by whom, outcome, connections cut",
			Flags: []cli.Flag{
				&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "the last `N` events only", DefaultText: "all"},
				jsonFlag(),
			},
		},
		plan: func(c *cli.Context) (action, error) {
			lines, err := lineCount(c)
			return func(ctx context.Context, h *host) error {
				hist, err := h.status().History(ctx, c.Args().First(), lines)
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return h.PrintJSON(hist)
				}
				return hist.Print(h.Out)
			}, err
		},
	}
}

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

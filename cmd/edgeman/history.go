package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

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

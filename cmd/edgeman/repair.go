package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

func repairCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{withUnits, withDocker, withNginx},
		Command: cli.Command{
			Name:     "repair",
			Category: groupMend,
			Usage:    "complete or undo what an interrupted command left, and say which",
			Description: "An app that needs no repair is left alone. Other commands do the same before their own work,\n" +
				"where that is safe without asking. A live pointer or a settings file that was removed\n" +
				"is made again, as far as the live release tells what was in it.",
		},
		plan: func(c *cli.Context) (action, error) {
			return func(ctx context.Context, h *host) error { return h.repair().Repair(ctx, c.Args().First()) }, nil
		},
	}
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func repairCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "repair",
		Category:  groupMend,
		Usage:     "complete or undo what an interrupted command left, and say which",
		ArgsUsage: "APP",
		Description: "An app that is whole is left alone. Other commands do the same before their own work,\n" +
			"where that is safe without asking. A live pointer or a settings file that was removed\n" +
			"is made again, as far as the live release tells what was in it.",
		Action: func(c *cli.Context) error {
			name, err := oneApp(env, c)
			if err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, _ *cli.Context, h *deployer.Host) error {
				return h.Repair(ctx, name)
			}, withUnits, withDocker, withNginx)
		},
	}
}

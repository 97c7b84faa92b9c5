package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func historyCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "history",
		Category:  groupLook,
		Usage:     "what happened to an app: release, when, by whom, outcome, connections cut",
		ArgsUsage: "APP",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "the last `N` events only", DefaultText: "all"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			name, err := oneApp(env, c)
			if err != nil {
				return err
			}
			if c.Int("lines") < 0 {
				return usage("--lines %d is negative", c.Int("lines"))
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				hist, err := h.History(ctx, name, c.Int("lines"))
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return h.PrintJSON(hist)
				}
				return hist.Print(h.Out)
			}, tryDocker)
		},
	}
}

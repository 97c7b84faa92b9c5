package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func statusCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Category:  groupLook,
		Usage:     "what serves, since when, and what to do if something is wrong",
		ArgsUsage: "[APP]",
		Description: "Without APP all apps are shown. Without root, what only root may read is left out.\n" +
			"States: starting, candidate, live, draining, warm, paused, idle, failed, empty.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := takes(c, 0, 1); err != nil {
				return err
			}
			name := ""
			if c.NArg() == 1 {
				var err error
				if name, err = appName(c); err != nil {
					return err
				}
			}
			parts := []part{}
			if env.euid == 0 { // systemd's own socket is root's only, and so is Docker's as a rule
				parts = append(parts, tryUnits, quietDocker)
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				s, err := h.Status(ctx, name)
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return h.PrintJSON(s)
				}
				if err := s.Print(h.Out, time.Now(), coloured(env, c)); err != nil || name == "" {
					return err
				}
				return s.Apps[0].PrintDetails(h.Out, time.Now())
			}, parts...)
		},
	}
}

package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func pauseCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "pause",
		Category:  groupDeploy,
		Usage:     "let an app's requests wait, for a migration or a snapshot",
		ArgsUsage: "APP",
		Description: "It returns when nothing reaches the app any more. Requests wait, as many as nginx can\n" +
			"hold (it says how many); they go on after \"edgeman resume APP\", or by themselves when\n" +
			"the time is over.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "max", Value: 30 * time.Second, Usage: "resume by itself after `DURATION`"},
			letWaitFlag(),
		},
		Action: func(c *cli.Context) error {
			name, err := oneApp(env, c)
			if err != nil {
				return err
			}
			limit := c.Duration("max")
			if limit <= 0 {
				return usage("--max %s leaves no time to pause", limit)
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				return h.Pause(ctx, deployer.PauseOptions{App: name, Max: limit, LetWait: c.Bool("let-wait")})
			}, withUnits, tryNginx)
		},
	}
}

func resumeCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "resume",
		Category:  groupDeploy,
		Usage:     "let a paused app's requests through again",
		ArgsUsage: "APP",
		Action: func(c *cli.Context) error {
			name, err := oneApp(env, c)
			if err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, _ *cli.Context, h *deployer.Host) error {
				return h.Resume(ctx, name)
			}, withUnits, tryNginx)
		},
	}
}

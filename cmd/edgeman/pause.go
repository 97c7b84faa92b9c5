package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/pause"
)

func pauseCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{withUnits, tryNginx},
		Command: cli.Command{
			Name:     "pause",
			Category: groupDeploy,
			Usage:    "let an app's requests wait, for a migration or a snapshot",
			Description: "It returns when nothing reaches the app any more. Requests wait, as many as nginx can\n" +
				"hold (it says how many); they go on after \"edgeman resume APP\", or when the time is up.",
			Flags: []cli.Flag{
				&cli.DurationFlag{Name: "max", Value: 30 * time.Second, Usage: "resume after `DURATION`, without a command"},
				letWaitFlag(),
			},
		},
		plan: func(c *cli.Context) (action, error) {
			o := pause.Options{App: c.Args().First(), Max: c.Duration("max"), LetWait: c.Bool("let-wait")}
			if o.Max <= 0 {
				return nil, usage("--max %s leaves no time to pause", o.Max)
			}
			return func(ctx context.Context, h *host) error { return h.pause().Pause(ctx, o) }, nil
		},
	}
}

func resumeCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{withUnits, tryNginx},
		Command: cli.Command{
			Name:     "resume",
			Category: groupDeploy,
			Usage:    "let a paused app's requests through again",
		},
		plan: func(c *cli.Context) (action, error) {
			return func(ctx context.Context, h *host) error { return h.pause().Resume(ctx, c.Args().First()) }, nil
		},
	}
}

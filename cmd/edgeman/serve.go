package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/serve"
	"edgeman/sockets"
)

// serveCommand is what the slots' units run; people have no use for it.
func serveCommand(env *environment) command {
	return command{
		arguments: arguments{names: "APP:SLOT", least: 1, most: 1},
		Command: cli.Command{
			Name:   "serve",
			Hidden: true,
			Usage:  "be the service of one slot",
			Action: func(c *cli.Context) error {
				slot, err := sockets.ParseSlot(c.Args().First())
				if err != nil {
					return usage("%w", err)
				}
				// A service has its own way with signals: SIGHUP means "look again".
				signal.Reset(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
				code, err := serve.Run(context.Background(), serve.Options{
					Slot: slot, Paths: env.paths, Stdout: env.stdout, Stderr: env.stderr, Version: programVersion(),
				})
				if code == 0 && err == nil {
					return nil
				}
				return exit{code, err}
			},
		},
	}
}

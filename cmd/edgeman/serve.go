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
func serveCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Hidden:    true,
		Usage:     "be the service of one slot",
		ArgsUsage: "APP:SLOT",
		Action: func(c *cli.Context) error {
			if err := takes(c, 1, 1); err != nil {
				return err
			}
			slot, err := sockets.ParseSlot(c.Args().First())
			if err != nil {
				return usage("%w", err)
			}
			// A service has its own way with signals: SIGHUP means "look again".
			signal.Reset(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			code, err := serve.Run(context.Background(), serve.Options{
				Slot: slot, Paths: env.paths, Stdout: env.stdout, Stderr: env.stderr, Version: programVersion(),
			})
			return exitStatus(code, err)
		},
	}
}

// status is the exit code of a service, with or without something to say.
type status struct {
	code int
	err  error
}

func exitStatus(code int, err error) error {
	if code == 0 && err == nil {
		return nil
	}
	return status{code, err}
}

func (s status) Error() string {
	if s.err == nil {
		return ""
	}
	return s.err.Error()
}

func (s status) Unwrap() error { return s.err }

func (s status) ExitCode() int { return s.code }

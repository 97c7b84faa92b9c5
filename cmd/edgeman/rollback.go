package main

import (
	"context"
	"strconv"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
	"edgeman/deployer/hint"
)

func rollbackCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Category:  groupDeploy,
		Usage:     "make an earlier release live again",
		ArgsUsage: "APP [RELEASE]",
		Description: "Without RELEASE it is the one that the live release replaced. It is instant while that one's slot\n" +
			"still runs, and a swap otherwise. \"edgeman history APP\" lists the releases.",
		Flags: []cli.Flag{drainFlag(), timeoutFlag(), layerFlag(), jsonFlag()},
		Action: func(c *cli.Context) error {
			o, err := rollbackOptions(env, c)
			if err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				result, err := h.Rollback(ctx, o)
				result.App = o.App
				return printSwap(h, result, err, o.JSON)
			}, withUnits, withDocker, tryNginx)
		},
	}
}

func rollbackOptions(env *environment, c *cli.Context) (o deployer.RollbackOptions, err error) {
	if err = needRoot(env, c); err != nil {
		return o, err
	}
	if err = takes(c, 1, 2); err != nil {
		return o, err
	}
	o.JSON, o.Allow = c.Bool("json"), allowed(c)
	if o.App, err = appName(c); err != nil {
		return o, err
	}
	if word := c.Args().Get(1); c.NArg() == 2 {
		if o.Release, err = strconv.Atoi(word); err != nil || o.Release < 1 {
			return o, hint.With(usage("release %q is not a number", word), "edgeman history %s lists the releases", o.App)
		}
	}
	if o.Drain, err = duration(c, "drain"); err != nil {
		return o, err
	}
	o.Timeout, err = duration(c, "timeout")
	return o, err
}

package main

import (
	"strconv"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/swap"
)

func rollbackCommand() command {
	return command{
		root: true, arguments: arguments{"APP [RELEASE]", 1, 2, appName}, parts: []part{withUnits, withDocker, tryNginx},
		Command: cli.Command{
			Name:     "rollback",
			Category: groupDeploy,
			Usage:    "make an earlier release live again",
			Description: "Without RELEASE it is the one that the live release replaced. It is instant while that one's slot\n" +
				"still runs, and a swap otherwise. \"edgeman history APP\" lists the releases.",
			Flags: []cli.Flag{drainFlag(), timeoutFlag(), layerFlag(), jsonFlag()},
		},
		plan: func(c *cli.Context) (action, error) {
			o, err := rollbackOptions(c)
			return swapping((*swap.Host).Rollback, o), err
		},
	}
}

func rollbackOptions(c *cli.Context) (o swap.Options, err error) {
	o.App, o.JSON, o.Allow = c.Args().First(), c.Bool("json"), allowed(c)
	if word := c.Args().Get(1); c.NArg() == 2 {
		if o.Release, err = strconv.Atoi(word); err != nil || o.Release < 1 {
			return o, hint.With(usage("release %q is not a number", word), "edgeman history %s lists the releases", o.App)
		}
	}
	o.Drain, o.Timeout, err = limits(c)
	return o, err
}

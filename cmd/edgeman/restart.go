package main

import (
	"github.com/urfave/cli/v2"

	"edgeman/deployer/swap"
)

func restartCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{withUnits, withDocker, tryNginx},
		Command: cli.Command{
			Name:     "restart",
			Category: groupDeploy,
			Usage:    "run the same image again in a new container, by the rules of a swap",
			Description: "No request is dropped, which a docker restart cannot promise. The release stays the\n" +
				"same: settings changed in the app file take effect at the next swap.",
			Flags: swapFlags(),
		},
		plan: func(c *cli.Context) (action, error) {
			o, err := swapOptions(c)
			return swapping((*swap.Host).Restart, o), err
		},
	}
}

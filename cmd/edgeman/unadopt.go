package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/adoption"
	"edgeman/deployer/unadopt"
)

func unadoptCommand() command {
	return command{
		root: true, arguments: oneApp, parts: []part{withUnits, withDocker, withNginx},
		Command: cli.Command{
			Name:     "unadopt",
			Category: groupDeploy,
			Usage:    "give a site and its container back, as they were before adopt",
			Description: "The adopted container serves again at its old address, nginx's files are restored byte for\n" +
				"byte, and everything that edgeman made for the app is removed. Nothing is dropped.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "to", Usage: "`WHAT` to give back if they differ: original or live"},
				timeoutFlag(),
				allowFlag(adoption.AllowOtherSites, "accept that whatever else in nginx's files leads to the app fails from then on"),
				allowFlag(unadopt.AllowUnready, "accept that the container runs and does not answer yet"),
				layerFlag(),
				yesFlag(),
				dryRunFlag(),
				jsonFlag(),
			},
		},
		plan: func(c *cli.Context) (action, error) {
			o, err := unadoptOptions(c)
			return func(ctx context.Context, h *host) error {
				result, err := h.unadopt().Unadopt(ctx, o)
				if !o.JSON {
					return err
				}
				if err != nil {
					return errors.Join(err, h.PrintJSON(result.Failed(o.App, err)))
				}
				return report(h, result, o.DryRun)
			}, err
		},
	}
}

func unadoptOptions(c *cli.Context) (o unadopt.Options, err error) {
	o = unadopt.Options{App: c.Args().First(), Yes: c.Bool("yes"), DryRun: c.Bool("dry-run"), JSON: c.Bool("json"), Allow: allowed(c)}
	if o.To, err = oneOf(c, "to", "original", "live"); err != nil {
		return o, err
	}
	o.Timeout, err = duration(c, "timeout")
	return o, err
}

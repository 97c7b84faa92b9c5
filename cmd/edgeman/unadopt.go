package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

func unadoptCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "unadopt",
		Aliases:   []string{"release"}, // what it was called at first
		Category:  groupDeploy,
		Usage:     "give a site and its container back, as they were before adopt",
		ArgsUsage: "APP",
		Description: "The adopted container serves again at its old address, nginx's files are restored byte for\n" +
			"byte, and everything of edgeman's that belongs to the app is removed. Nothing is dropped.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "`WHAT` to give back if they differ: original or live"},
			timeoutFlag(),
			&cli.BoolFlag{Name: "allow-" + deployer.AllowOtherSites, Usage: "accept that what else in nginx's files leads to the app fails from then on"},
			&cli.BoolFlag{Name: "allow-" + deployer.AllowUnready, Usage: "accept that the container runs and does not answer yet"},
			layerFlag(),
			yesFlag(),
			dryRunFlag(),
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			name, err := oneApp(env, c)
			if err != nil {
				return err
			}
			o := deployer.ReleaseOptions{App: name, Yes: c.Bool("yes"), DryRun: c.Bool("dry-run"), JSON: c.Bool("json"), Allow: allowed(c)}
			for _, code := range []string{deployer.AllowOtherSites, deployer.AllowUnready} {
				if c.Bool("allow-" + code) {
					o.Allow = append(o.Allow, code)
				}
			}
			if o.To, err = oneOf(c, "to", "original", "live"); err != nil {
				return err
			}
			if o.Timeout, err = duration(c, "timeout"); err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, _ *cli.Context, h *deployer.Host) error {
				result, err := h.Release(ctx, o)
				if err != nil || !o.JSON {
					return err
				}
				return report(h, result, o.DryRun)
			}, withUnits, withDocker, withNginx)
		},
	}
}

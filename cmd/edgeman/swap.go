package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/deployer/swap"
)

func swapCommand() command {
	return command{
		root: true, arguments: arguments{"APP [IMAGE]", 1, 2, appName}, parts: []part{withUnits, withDocker, tryNginx},
		Command: cli.Command{
			Name:     "swap",
			Category: groupDeploy,
			Usage:    "replace an app's container by one of another image",
			Description: "IMAGE is a tag of the app's repository (v2) or any image reference; without one, it is\n" +
				"what the app's Compose file says, else the live release's own, pulled again; nothing is done\n" +
				"if neither it nor a setting has changed.\n" +
				"The new container must be healthy before it gets a request; then the old one drains and is stopped.\n" +
				"If it does not become healthy, users notice nothing and the exit code is 1.",
			Flags: append(swapFlags(),
				&cli.StringFlag{Name: "pull", DefaultText: "missing, or always without IMAGE", Usage: "`WHEN` to pull the image: always, missing or never"},
				&cli.StringFlag{Name: "mode", DefaultText: "from the app file", Usage: "`MODE` from now on: proxy or native"},
			),
		},
		plan: func(c *cli.Context) (action, error) {
			o, err := swapOptions(c)
			if err != nil {
				return nil, err
			}
			if o.Image = c.Args().Get(1); o.Image == "" && c.NArg() > 1 {
				return nil, hint.With(usage("the image is empty"), "edgeman restart %s runs the same one again", o.App)
			}
			if o.Pull, err = oneOf(c, "pull", "always", "missing", "never"); err != nil {
				return nil, err
			}
			o.Mode, err = oneOf(c, "mode", "proxy", "native")
			return swapping((*swap.Host).Swap, o), err
		},
	}
}

// swapping does a swap of any kind and prints its result.
func swapping(replace func(*swap.Host, context.Context, swap.Options) (swap.Result, error), o swap.Options) action {
	return func(ctx context.Context, h *host) error {
		result, err := replace(h.swap(), ctx, o)
		result.App = o.App
		return printSwap(h, result, err, o.JSON)
	}
}

// swapFlags are common to swap and restart.
func swapFlags() []cli.Flag {
	return []cli.Flag{
		drainFlag(),
		timeoutFlag(),
		&cli.StringFlag{Name: "strategy", DefaultText: "from the app file", Usage: "`HOW`: overlap (new beside old) or stop-first (requests wait)"},
		&cli.BoolFlag{Name: "detach", Usage: "return after the switch; the old slot drains in the background"},
		letWaitFlag(),
		&cli.BoolFlag{Name: "cut", Usage: "end a slot that still drains from an earlier swap now"},
		layerFlag(),
		jsonFlag(),
	}
}

// swapOptions reads what swap and restart have in common.
func swapOptions(c *cli.Context) (o swap.Options, err error) {
	o.App = c.Args().First()
	o.Detach, o.Cut, o.LetWait, o.JSON, o.Allow = c.Bool("detach"), c.Bool("cut"), c.Bool("let-wait"), c.Bool("json"), allowed(c)
	if o.Drain, o.Timeout, err = limits(c); err != nil {
		return o, err
	}
	o.Strategy, err = strategy(c)
	return o, err
}

// strategy also takes stop-first under its first name.
func strategy(c *cli.Context) (string, error) {
	if how := state.Strategy(c.String("strategy")); how == state.StopFirst {
		return how, nil
	}
	return oneOf(c, "strategy", state.Overlap, state.StopFirst)
}

// printSwap is the last line of a swap, restart or rollback that went well. With
// JSON, programs get an object with the error in it, too.
func printSwap(h *host, r swap.Result, err error, asJSON bool) error {
	if err != nil && asJSON {
		r.Failure = hint.AsFailure(err)
		return errors.Join(err, h.PrintJSON(r))
	}
	if err != nil {
		return err
	}
	if asJSON {
		return report(h, r, false)
	}
	_, err = fmt.Fprintln(h.Out, r.Summary())
	h.Unwritten(err)
	if r.Interrupted {
		h.Hint("edgeman status %s", r.App)
	}
	return nil
}

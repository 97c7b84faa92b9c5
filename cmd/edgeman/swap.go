package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
)

func swapCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "swap",
		Category:  groupDeploy,
		Usage:     "replace an app's container by one of another image",
		ArgsUsage: "APP IMAGE",
		Description: "IMAGE is a tag of the app's repository (v2) or any image reference. The new container\n" +
			"must be healthy before it gets a request; then the old one drains and is stopped.\n" +
			"If it does not become healthy, users notice nothing and the exit code is 1.",
		Flags: append(swapFlags(),
			&cli.StringFlag{Name: "pull", Value: "missing", Usage: "`WHEN` to pull the image: always, missing or never"},
			&cli.StringFlag{Name: "mode", DefaultText: "from the app file", Usage: "`MODE` from now on: proxy or native"},
		),
		Action: func(c *cli.Context) error {
			o, err := swapOptions(env, c)
			if err != nil {
				return err
			}
			if o.Image = c.Args().Get(1); o.Image == "" {
				return hint.With(usage("the image is empty"), "edgeman restart %s runs the same one again", o.App)
			}
			if o.Pull, err = oneOf(c, "pull", "always", "missing", "never"); err != nil {
				return err
			}
			if o.Mode, err = oneOf(c, "mode", "proxy", "native"); err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				result, err := h.Swap(ctx, o)
				result.App = o.App
				return printSwap(h, result, err, o.JSON)
			}, withUnits, withDocker, tryNginx)
		},
	}
}

func restartCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:      "restart",
		Category:  groupDeploy,
		Usage:     "run the same image again in a new container, by the rules of a swap",
		ArgsUsage: "APP",
		Description: "No request is dropped, which a docker restart cannot promise. The release stays the\n" +
			"same: settings changed in the app file take effect at the next swap.",
		Flags: swapFlags(),
		Action: func(c *cli.Context) error {
			o, err := swapOptions(env, c)
			if err != nil {
				return err
			}
			return onHost(env, c, func(ctx context.Context, c *cli.Context, h *deployer.Host) error {
				result, err := h.Restart(ctx, o)
				result.App = o.App
				return printSwap(h, result, err, o.JSON)
			}, withUnits, withDocker, tryNginx)
		},
	}
}

// swapFlags are common to swap and restart.
func swapFlags() []cli.Flag {
	return []cli.Flag{
		drainFlag(),
		timeoutFlag(),
		&cli.StringFlag{Name: "strategy", DefaultText: "from the app file", Usage: "`HOW`: overlap (new beside old) or recreate (stop first, requests wait)"},
		&cli.BoolFlag{Name: "detach", Usage: "return after the switch; the old slot drains by itself"},
		letWaitFlag(),
		&cli.BoolFlag{Name: "cut", Usage: "end a slot that still drains from an earlier swap now"},
		layerFlag(),
		jsonFlag(),
	}
}

// layerFlag is for every command that takes a container away.
func layerFlag() cli.Flag {
	return &cli.BoolFlag{Name: "allow-" + adoptable.CodeWritableLayer, Usage: "accept that files in the live container's own layer go with it"}
}

// allowed are the codes of refusals that layerFlag accepts.
func allowed(c *cli.Context) []string {
	if c.Bool("allow-" + adoptable.CodeWritableLayer) {
		return []string{adoptable.CodeWritableLayer}
	}
	return nil
}

// swapOptions reads what swap and restart have in common.
func swapOptions(env *environment, c *cli.Context) (o deployer.SwapOptions, err error) {
	if err = needRoot(env, c); err != nil {
		return o, err
	}
	arguments := len(strings.Fields(c.Command.ArgsUsage))
	if err = takes(c, arguments, arguments); err != nil {
		return o, err
	}
	o.Detach, o.Cut, o.LetWait, o.JSON, o.Allow = c.Bool("detach"), c.Bool("cut"), c.Bool("let-wait"), c.Bool("json"), allowed(c)
	if o.App, err = appName(c); err != nil {
		return o, err
	}
	if o.Drain, err = duration(c, "drain"); err != nil {
		return o, err
	}
	if o.Timeout, err = duration(c, "timeout"); err != nil {
		return o, err
	}
	o.Strategy, err = oneOf(c, "strategy", "overlap", "recreate")
	return o, err
}

// printSwap is the last line of a swap, restart or rollback that went well. With
// JSON, programs get an object with the error in it, too.
func printSwap(h *deployer.Host, r deployer.SwapResult, err error, asJSON bool) error {
	if err != nil && asJSON {
		r.Error, r.Hint = err.Error(), strings.Join(hint.Of(err), "\n")
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
		fmt.Fprintf(h.Err, "hint: edgeman status %s\n", r.App)
	}
	return nil
}

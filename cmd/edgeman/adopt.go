package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/adopt"
	"edgeman/deployer/adoption"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func adoptCommand() command {
	return command{
		root: true, arguments: arguments{names: "SITE [SITE...]", least: 1, most: 50}, parts: []part{withUnits, withDocker, withNginx},
		Command: cli.Command{
			Name:     "adopt",
			Category: groupDeploy,
			Usage:    "take over the container behind an nginx site file",
			Description: "SITE is the path of a site file, such as /etc/nginx/sites-available/myapp, or its name,\n" +
				"myapp, which is looked for in sites-enabled, sites-available and conf.d. Ports of one\n" +
				"container become one app. The plan is shown as a diff before anything changes;\n" +
				"requests flow throughout, and what fails is undone. \"edgeman unadopt APP\" gives everything back.",
			Flags: adoptFlags(),
		},
		plan: func(c *cli.Context) (action, error) {
			o, err := adoptOptions(c)
			return func(ctx context.Context, h *host) error {
				result, err := h.adopt().Adopt(ctx, o)
				if !o.JSON {
					return err
				}
				if err != nil {
					return errors.Join(err, h.PrintJSON(result.Failed(err)))
				}
				return report(h, result, o.DryRun)
			}, err
		},
	}
}

// acceptable are the refusals that an operator may overrule.
var acceptable = []struct{ code, usage string }{
	{adoptable.CodeWritableLayer, "accept that files in the container's own layer stay behind"},
	{adoptable.CodeRmVolumes, "accept that the anonymous volumes of a --rm container go with it"},
	{adopt.AllowUnproven, "accept that the site may be served by something else than the container"},
	{adopt.AllowOtherPorts, "accept that another port of a container with data fails while it is replaced"},
	{adoption.AllowOtherSites, "accept that other sites which use the same address fail from then on"},
	{adoption.AllowLostStickiness, "accept that clients are no longer tied to one of several servers (ip_hash, hash)"},
	{adoption.AllowLostWeights, "accept that servers of unequal weight become replicas with equal shares"},
	{adoption.AllowUpstreamAddr, "accept that what depends on $upstream_addr gets the socket's path"},
}

func adoptFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "name", Usage: "`NAME` of the app, or TARGET=NAME for one of several (default: from the site file)"},
		&cli.StringFlag{Name: "container", Usage: "`CONTAINER` behind the site, where the address does not tell"},
		&cli.StringFlag{Name: "image", Usage: "`IMAGE` that the first release is recorded as (default: the container's own)"},
		&cli.UintFlag{Name: "port", Usage: "`PORT` the app listens on inside its container", DefaultText: "behind the published port"},
		&cli.StringFlag{Name: "health", Usage: "HTTP `PATH` that answers 2xx or 3xx when the app is ready, or connect"},
		&cli.StringSliceFlag{Name: "health-header", Usage: "`HEADER` (\"Name: value\") that goes with it, may be repeated", DefaultText: "what the site sends"},
		&cli.StringFlag{Name: "mode", Usage: "`MODE`: proxy (any image) or native (the image takes the socket)", DefaultText: "proxy"},
		&cli.StringFlag{Name: "via", Usage: "`WAY` to the container: netns, or bridge (the app sees the same peer as before)", DefaultText: "chosen"},
		&cli.StringSliceFlag{Name: "only", Usage: "take over this `TARGET` of the site only (may be repeated)"},
		ownDefault(drainFlag(), time.Duration(state.DefaultApp("").Drain.Timeout)),
		ownDefault(timeoutFlag(), time.Duration(state.DefaultApp("").Start.Timeout)),
		yesFlag(),
		dryRunFlag(),
		jsonFlag(),
		&cli.BoolFlag{Name: "everywhere", Usage: "also take over what other sites send to the same address"},
		letWaitFlag(),
		&cli.BoolFlag{Name: "reload-pending", Usage: "accept that other people's edits go live with the reload"},
	}
	for _, a := range acceptable {
		flags = append(flags, allowFlag(a.code, a.usage))
	}
	return flags
}

// ownDefault is a flag of duration with the default that adopt writes into the
// app file: there is none yet that it could come from.
func ownDefault(f *cli.DurationFlag, d time.Duration) cli.Flag {
	f.DefaultText = fmt.Sprintf("%.0fs", d.Seconds())
	return f
}

func adoptOptions(c *cli.Context) (o adopt.Options, err error) {
	o = adopt.Options{
		Sites: c.Args().Slice(), Container: c.String("container"), Image: c.String("image"),
		Health: c.String("health"), HealthHeaders: c.StringSlice("health-header"), Only: c.StringSlice("only"),
		Yes: c.Bool("yes"), DryRun: c.Bool("dry-run"), JSON: c.Bool("json"), ReloadPending: c.Bool("reload-pending"),
		Everywhere: c.Bool("everywhere"), LetWait: c.Bool("let-wait"), Allow: allowed(c),
	}
	if o.Name, o.Names, err = adoptNames(c.StringSlice("name")); err != nil {
		return o, err
	}
	port := c.Uint("port")
	if port > 65535 || port == 0 && c.IsSet("port") {
		return o, usage("--port %d is not a port", port)
	}
	o.Port = uint16(port)
	if err := state.ValidHealth(o.Health); err != nil {
		return o, usage("--%w", err)
	}
	if err := state.ValidHeaders(o.HealthHeaders); err != nil {
		return o, usage("--health-header: %w", err)
	}
	if o.Mode, err = oneOf(c, "mode", "proxy", "native"); err != nil {
		return o, err
	}
	if o.Via, err = oneOf(c, "via", "netns", "bridge"); err != nil {
		return o, err
	}
	o.Drain, o.Timeout, err = limits(c)
	return o, err
}

// adoptNames reads --name NAME and --name TARGET=NAME.
func adoptNames(words []string) (one string, many map[string]string, err error) {
	many = map[string]string{}
	for _, w := range words {
		target, name := "", w
		if i := strings.LastIndexByte(w, '='); i >= 0 {
			target, name = w[:i], w[i+1:]
		}
		if err := sockets.ValidName(name); err != nil {
			return "", nil, usage("--name: %w", err)
		}
		switch {
		case target != "":
			many[target] = name
		case one != "":
			return "", nil, hint.With(usage("two names without a target: %s and %s", one, name), "--name TARGET=NAME, once for each")
		default:
			one = name
		}
	}
	return one, many, nil
}

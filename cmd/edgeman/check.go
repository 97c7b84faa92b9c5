package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/check"
	"edgeman/deployer/hint"
	"edgeman/deployer/state"
)

func checkCommand(env *environment) command {
	return command{arguments: arguments{names: "[SITE...]", most: unlimited}, Command: cli.Command{
		Name:     "check",
		Category: groupLook,
		Usage:    "find what is about to break: certificates, renewal, nginx, sockets, containers",
		Description: "It changes nothing, and works on any host with nginx. SITE is a server name, an app\n" +
			"or an enabled site file. Exit codes are those of Nagios: 0 well, 1 warning, 2 critical,\n" +
			"3 something could not be looked at.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing unless there is a warning or worse"},
			jsonFlag(),
			&cli.BoolFlag{Name: "nagios", Usage: "print one line with performance data, and details below"},
			&cli.StringFlag{Name: "prometheus", Usage: "write metrics to `FILE` as well"},
			&cli.BoolFlag{Name: "lint", Usage: "look for advice about sites, too"},
			&cli.BoolFlag{Name: "strict", Usage: "let notices fail the run, too"},
			&cli.StringFlag{Name: "fail-on", DefaultText: "warning", Usage: "fail from `SEVERITY` on: critical, warning, notice or never"},
			&cli.BoolFlag{Name: "remember", Usage: "repeat a known finding only after a day or a week"},
			&cli.DurationFlag{Name: "timeout", Value: 20 * time.Second, Usage: "give the whole run `DURATION`"},
			&cli.StringFlag{Name: "explain", Usage: "explain the finding `CODE`, or list all codes"},
			&cli.BoolFlag{Name: "install-timer", Usage: "run it every hour and mail root what it finds"},
		},
		Action: func(c *cli.Context) error { return checkFailed(runCheck(env, c)) },
	}}
}

func runCheck(env *environment, c *cli.Context) error {
	switch {
	case c.IsSet("explain"):
		return explainCheck(env, c)
	case c.Bool("install-timer"):
		return installCheckTimer(env, c)
	}
	forms := 0
	for _, name := range []string{"quiet", "json", "nagios"} {
		if c.Bool(name) {
			forms++
		}
	}
	if forms > 1 {
		return usage("--quiet, --json and --nagios are three forms of one report: choose one")
	}
	failOn, err := failOn(c)
	if err != nil {
		return err
	}
	settings, err := check.ReadSettings(env.paths.HostConfig())
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	settings.Lint = settings.Lint || c.Bool("lint")
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	local, done := env.checked(ctx, env)
	defer done()
	memory, err := check.ReadMemory(local.FS, env.paths.CheckMemory())
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		fmt.Fprintln(env.stderr, hint.Sprintf("note: %v", err))
	}
	report := check.Run(ctx, local, check.Options{
		Sites: c.Args().Slice(), Settings: settings, FailOn: failOn, Version: programVersion(),
		Budget: c.Duration("timeout"), Memory: memory,
	})
	return finishCheck(env, c, report, memory, failOn)
}

// finishCheck writes the metrics of the whole run, then says what is to be said.
func finishCheck(env *environment, c *cli.Context, report check.Report, memory *check.Memory, failOn check.FailOn) error {
	if file := c.String("prometheus"); file != "" {
		if err := state.WriteFile(file, check.Prometheus(report), 0o644); err != nil {
			return err
		}
	}
	if c.Bool("remember") {
		next, said := memory.Next(report, failOn)
		data, err := json.Marshal(next)
		if err == nil {
			err = state.WriteFile(env.paths.CheckMemory(), append(data, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(env.stderr, hint.Sprintf("note: what was seen is not remembered: %v", err))
		} else {
			report = said
		}
	}
	var err error
	switch {
	case c.Bool("quiet"):
		err = check.WriteQuiet(env.stdout, report)
	case c.Bool("json"):
		err = check.WriteJSON(env.stdout, report)
	case c.Bool("nagios"):
		err = check.WriteNagios(env.stdout, report)
	default:
		err = check.WriteHuman(env.stdout, report, coloured(env, c))
	}
	if err != nil {
		return err
	}
	if report.Exit == check.ExitOK {
		return nil
	}
	return exit{code: report.Exit}
}

func failOn(c *cli.Context) (check.FailOn, error) {
	if c.Bool("strict") {
		if c.IsSet("fail-on") {
			return 0, usage("--strict is --fail-on notice: give one of the two")
		}
		return check.FailOnNotice, nil
	}
	on, err := check.ParseFailOn(c.String("fail-on"))
	if err != nil {
		return 0, usage("--fail-on %w", err)
	}
	return on, nil
}

func explainCheck(env *environment, c *cli.Context) error {
	if c.String("explain") == "list" {
		return check.WriteCodes(env.stdout)
	}
	rule, ok := check.Explain(c.String("explain"))
	if !ok {
		var codes []string
		for _, r := range check.Rules() {
			codes = append(codes, r.Code)
		}
		code := c.String("explain")
		return hint.With(usage("there is no code %q", code), "%s", suggestion(code, codes, "", "edgeman check --explain list"))
	}
	return check.WriteExplain(env.stdout, rule)
}

func installCheckTimer(env *environment, c *cli.Context) error {
	if err := needRoot(env, c.Command.Name); err != nil {
		return err
	}
	if err := (arguments{}).check(c); err != nil {
		return err
	}
	return onHost(env, c, func(ctx context.Context, h *host) error {
		result, err := h.install().InstallCheckTimer(ctx)
		for _, change := range result.Changes {
			fmt.Fprintln(h.Out, change)
		}
		if err == nil && len(result.Changes) == 0 {
			fmt.Fprintln(h.Out, "the timer is installed; nothing to change")
		}
		if _, noMail := os.Stat(filepath.Join(env.system.Root, "/usr/bin/mail")); err == nil && noMail != nil {
			h.Note("there is no /usr/bin/mail, so findings only reach the journal")
			h.Hint("apt-get install bsd-mailx")
		}
		return err
	}, withUnits, withNginx, tryDocker)
}

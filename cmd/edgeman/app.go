package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// Groups of commands in the help text.
const (
	groupDeploy = "Deploying"
	groupLook   = "Looking"
	groupMend   = "Host and repair"
)

// commands are all subcommands, in the order of the help text.
func commands(env *environment) []command {
	return []command{
		adoptCommand(),
		swapCommand(),
		rollbackCommand(),
		restartCommand(),
		pauseCommand(),
		resumeCommand(),
		unadoptCommand(),

		statusCommand(env),
		historyCommand(),
		logsCommand(env),
		checkCommand(env),

		installCommand(),
		uninstallCommand(),
		upgradeCommand(),
		repairCommand(),

		serveCommand(env),
		completionCommand(env),
		helpCommand(),
	}
}

// globalFlags may stand anywhere on the command line.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to colour: auto, always or never"},
		&cli.DurationFlag{Name: "wait", Value: 15 * time.Second, Usage: "wait `DURATION` for another command on the same app"},
	}
}

func newApp(env *environment) *cli.App {
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "edgeman", c.App.Version) }
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
	app := &cli.App{
		Name:                      "edgeman",
		Usage:                     "swap the container behind a hand-written nginx site, with nothing dropped",
		UsageText:                 "edgeman COMMAND [ARGUMENTS] [FLAGS]",
		Version:                   programVersion(),
		Flags:                     append(globalFlags(), cli.HelpFlag),
		Reader:                    env.stdin,
		Writer:                    env.stdout,
		ErrWriter:                 env.stderr,
		CustomAppHelpTemplate:     appHelp,
		HideHelpCommand:           true, // ours is in help.go
		DisableSliceFlagSeparator: true,
		Before: func(c *cli.Context) error {
			_, err := oneOf(c, "color", "auto", "always", "never")
			return err
		},
		// Exiting is main's business: deferred clean-up has to run first.
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			return cli.ShowAppHelp(c)
		},
	}
	for _, cmd := range commands(env) {
		app.Commands = append(app.Commands, cmd.built(env))
	}
	return app
}

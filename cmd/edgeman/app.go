package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/check"
	"edgeman/deployer"
	"edgeman/deployer/hint"
	"edgeman/sockets"
)

// Groups of commands in the help text.
const (
	groupDeploy = "Deploying"
	groupLook   = "Looking"
	groupMend   = "Host and repair"
)

// commands are all subcommands, in the order of the help text.
func commands(env *environment) []*cli.Command {
	return []*cli.Command{
		adoptCommand(env),
		swapCommand(env),
		rollbackCommand(env),
		restartCommand(env),
		pauseCommand(env),
		resumeCommand(env),
		unadoptCommand(env),

		statusCommand(env),
		historyCommand(env),
		logsCommand(env),
		checkCommand(env),

		installCommand(env),
		uninstallCommand(env),
		upgradeCommand(env),
		repairCommand(env),

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
		Commands:                  commands(env),
		Reader:                    env.stdin,
		Writer:                    env.stdout,
		ErrWriter:                 env.stderr,
		CustomAppHelpTemplate:     appHelp,
		HideHelpCommand:           true, // ours is in help.go
		DisableSliceFlagSeparator: true,
		OnUsageError:              onUsageError,
		Before:                    checkColor,
		// Exiting is main's business: deferred clean-up has to run first.
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true // or an app named "help" could not be swapped
		c.CustomHelpTemplate = commandHelp
		c.OnUsageError = onUsageError
		for _, f := range c.Flags {
			if b, ok := f.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true // everybody knows that it is off
			}
		}
		c.Flags = append(c.Flags, cli.HelpFlag)
	}
	return app
}

func checkColor(c *cli.Context) error {
	if !slices.Contains([]string{"auto", "always", "never"}, c.String("color")) {
		return usage("--color %q is none of auto, always, never", c.String("color"))
	}
	return nil
}

// onUsageError turns the flag package's words into ours. Unknown flags were
// caught by reorder, so what is left is a value of the wrong kind.
func onUsageError(c *cli.Context, err error, _ bool) error {
	text := strings.TrimSuffix(err.Error(), ": parse error")
	value, name, _ := strings.Cut(text, " for flag -")
	dashes := "--"
	if n, _, _ := strings.Cut(name, ":"); len(n) == 1 {
		dashes = "-"
	}
	text = value + " for " + dashes + name
	return misused(c.Command, hint.With(usage("%s", text), "%s", helpHint(c.Command)))
}

// misused gives a usage error the exit code that its command has for it:
// check's are those of a monitoring plugin, where 2 is an alarm.
func misused(cmd *cli.Command, err error) error {
	if cmd != nil && cmd.Name == "check" {
		return checkExit{check.ExitUnknown, err}
	}
	return err
}

func usage(format string, args ...any) error {
	return &deployer.UsageError{Err: fmt.Errorf(format, args...)}
}

func helpHint(cmd *cli.Command) string {
	if cmd == nil || cmd.Name == "" || cmd.Name == "edgeman" {
		return "edgeman --help lists the commands"
	}
	return fmt.Sprintf("edgeman %s --help", cmd.Name)
}

// exitCoder is an error that knows its exit code, as those of check do.
type exitCoder interface {
	error
	ExitCode() int
}

// exitCode is deployer's mapping; the library's own errors are usage errors.
func exitCode(err error) int {
	var coder exitCoder
	if errors.As(err, &coder) {
		return coder.ExitCode()
	}
	return deployer.ExitCode(err)
}

// needRoot is asked before anything else, so that a command does not fail
// half-way for want of a permission.
func needRoot(env *environment, c *cli.Context) error {
	if env.euid == 0 {
		return nil
	}
	return &deployer.RefusedError{Err: hint.With(fmt.Errorf("%s must be run as root", c.Command.Name), "sudo edgeman %s", strings.Join(os.Args[1:], " "))}
}

// takes checks the number of positional arguments, from least to most.
func takes(c *cli.Context, least, most int) error {
	n := c.NArg()
	if n >= least && n <= most {
		return nil
	}
	want := c.Command.ArgsUsage
	if want == "" {
		want = "no arguments"
	}
	return hint.With(usage("%s takes %s, not %d %s", c.Command.Name, want, n, plural(n, "argument")), "%s", helpHint(c.Command))
}

// appName is the command's first argument, checked.
func appName(c *cli.Context) (string, error) {
	name := c.Args().First()
	if err := sockets.ValidName(name); err != nil {
		return "", usage("%w", err)
	}
	return name, nil
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// oneApp is for commands of root's that take an app and nothing else.
func oneApp(env *environment, c *cli.Context) (string, error) {
	if err := needRoot(env, c); err != nil {
		return "", err
	}
	if err := takes(c, 1, 1); err != nil {
		return "", err
	}
	return appName(c)
}

package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// command is a subcommand with what the library does not know of it. It has
// either an Action or plan and parts.
type command struct {
	cli.Command
	arguments
	root  bool                                 // only root may run it
	plan  func(c *cli.Context) (action, error) // reads the command line
	parts []part                               // of the host, that the action needs
}

// action is a command's work on the host.
type action func(ctx context.Context, h *host) error

// arguments are the words that a command takes beside its flags.
type arguments struct {
	names       string // of them, for people
	least, most int
	first       word // what the first one is
}

type word int

const (
	plainWord   word = iota
	appName          // is checked before anything else
	appNames         // all are, and the command looks for the apps
	commandName      // of edgeman
)

var oneApp = arguments{"APP", 1, 1, appName}

// unlimited is the maximum for a command that takes any number of arguments.
const unlimited = 1 << 30

// built is the command for the library.
func (cmd command) built(env *environment) *cli.Command {
	act := cmd.Action
	if act == nil {
		act = func(c *cli.Context) error {
			do, err := cmd.plan(c)
			if err != nil {
				return err
			}
			return onHost(env, c, do, cmd.parts...)
		}
	}
	lib := cmd.Command
	lib.ArgsUsage = cmd.names
	lib.Action = func(c *cli.Context) error {
		if cmd.root {
			if err := needRoot(env, lib.Name); err != nil {
				return err
			}
		}
		if err := cmd.check(c); err != nil {
			return err
		}
		return act(c)
	}
	lib.HideHelpCommand = true // or an app named "help" could not be swapped
	lib.CustomHelpTemplate = commandHelp
	for _, f := range lib.Flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true // everybody knows that it is off
		}
	}
	lib.Flags = append(lib.Flags, cli.HelpFlag)
	return &lib
}

// check refuses a wrong number of arguments, and an invalid app name.
func (a arguments) check(c *cli.Context) error {
	n := c.NArg()
	if n < a.least || n > a.most {
		want := a.names
		if want == "" {
			want = "no arguments"
		}
		return hint.With(usage("%s takes %s, not %s", c.Command.Name, want, words.Plural(n, "argument")), "%s", helpHint(c.Command))
	}
	if a.first == appName && n > 0 {
		if err := sockets.ValidName(c.Args().First()); err != nil {
			return usage("%w", err)
		}
	}
	return nil
}

// needRoot is asked before anything else, so that a command does not fail
// half-way for want of a permission.
func needRoot(env *environment, name string) error {
	if env.euid == 0 {
		return nil
	}
	return &outcome.RefusedError{Err: hint.With(fmt.Errorf("%s must be run as root", name), "sudo edgeman %s", strings.Join(os.Args[1:], " "))}
}

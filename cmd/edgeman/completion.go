package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/install"
)

// completeWord is how the shell's completion function asks; see
// install.BashCompletion.
const completeWord = "--complete"

func completionCommand(env *environment) command {
	return command{Command: cli.Command{
		Name:        "completion",
		Category:    groupMend,
		Usage:       "print the completion script for bash",
		Description: "install puts it in place. By hand: source <(edgeman completion)",
		Action: func(*cli.Context) error {
			_, err := fmt.Fprint(env.stdout, install.BashCompletion)
			return err
		},
	}}
}

// complete prints what may stand in the place of the last word. It must not
// touch nginx, Docker or systemd: it runs at every press of the tab key.
func complete(env *environment, app *cli.App, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	cmd, args := meant(env, app, words[:len(words)-1])
	var offers []string
	switch {
	case strings.HasPrefix(last, "-"):
		flags := globalFlags()
		if cmd != nil {
			flags = append(cmd.Flags, flags...)
		}
		for _, name := range flagNames(flags) {
			if len(name) > 1 {
				offers = append(offers, "--"+name)
			}
		}
	case cmd == nil || args.first == commandName:
		offers = commandNames(app)
	case args.first != plainWord:
		offers, _ = env.paths.AppNames() // none is no answer, not an error
	}
	for _, o := range offers {
		if strings.HasPrefix(o, last) {
			fmt.Fprintln(env.stdout, o)
		}
	}
}

// meant is the first command among the words, and what it takes.
func meant(env *environment, app *cli.App, words []string) (*cli.Command, arguments) {
	for _, w := range words {
		for _, cmd := range commands(env) {
			if cmd.Name == w {
				return app.Command(w), cmd.arguments
			}
		}
	}
	return nil, arguments{}
}

func commandNames(app *cli.App) []string {
	var names []string
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer"
)

// completeWord is how the shell's completion function asks; see
// deployer.BashCompletion.
const completeWord = "--complete"

func completionCommand(env *environment) *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Category:    groupMend,
		Usage:       "print the completion script for bash",
		Description: "install puts it in place. By hand: source <(edgeman completion)",
		Action: func(c *cli.Context) error {
			if err := takes(c, 0, 0); err != nil {
				return err
			}
			_, err := fmt.Fprint(env.stdout, deployer.BashCompletion)
			return err
		},
	}
}

// complete prints what may stand in the place of the last word. It must not
// touch nginx, Docker or systemd: it runs at every press of the tab key.
func complete(app *cli.App, words []string, env *environment) {
	cmd, last := meant(app, words)
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
	case cmd == nil:
		offers = commandNames(app)
	case strings.Contains(cmd.ArgsUsage, "APP"):
		offers, _ = env.paths.AppNames() // none is no answer, not an error
	case cmd.Name == "help":
		offers = commandNames(app)
	}
	for _, o := range offers {
		if strings.HasPrefix(o, last) {
			fmt.Fprintln(env.stdout, o)
		}
	}
}

// meant is the command that the words before the last one name.
func meant(app *cli.App, words []string) (cmd *cli.Command, last string) {
	if len(words) == 0 {
		return nil, ""
	}
	last = words[len(words)-1]
	for _, w := range words[:len(words)-1] {
		if cmd = app.Command(w); cmd != nil {
			break
		}
	}
	return cmd, last
}

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"edgeman/check"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/words"
)

// exit is an error that knows its exit code. Without an error it ends the
// program with no message, when everything has been said.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// checkFailed gives an error of check's the code for it: those of a monitoring
// plugin, where 2 is an alarm.
func checkFailed(err error) error {
	if err == nil || errors.As(err, new(exit)) {
		return err
	}
	return exit{check.ExitUnknown, err}
}

// exitCode is the error's own code, or deployer's mapping.
func exitCode(err error) int {
	var own exit
	if errors.As(err, &own) {
		return own.code
	}
	return outcome.ExitCode(err)
}

func usage(format string, args ...any) error {
	return &outcome.UsageError{Err: fmt.Errorf(format, args...)}
}

func helpHint(cmd *cli.Command) string {
	if cmd == nil || cmd.Name == "" || cmd.Name == "edgeman" {
		return "edgeman --help lists the commands"
	}
	return fmt.Sprintf("edgeman %s --help", cmd.Name)
}

// unknownCommand refuses a word that is no command; prefix is what stands in
// front of a command there.
func unknownCommand(app *cli.App, word, prefix string) error {
	unknown := usage("unknown command %q", word)
	switch word {
	case cli.VersionFlag.Names()[0]:
		return hint.With(unknown, "did you mean edgeman --version? %s", helpHint(nil))
	case "release": // what unadopt was called at first; it reads like a deployment
		return hint.With(hint.With(unknown, "edgeman unadopt APP gives the site back"), "edgeman swap APP IMAGE deploys a release")
	}
	return hint.With(unknown, "%s", suggestion(word, commandNames(app), prefix, helpHint(nil)))
}

// suggestion is "did you mean" for the nearest name, if one is near.
func suggestion(word string, names []string, prefix, otherwise string) string {
	best := words.Nearest(word, names)
	if best == "" {
		return otherwise
	}
	return "did you mean " + prefix + best + "? " + otherwise
}

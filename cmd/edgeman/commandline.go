package main

import (
	"flag"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
)

// reorder puts the command line into the only order that the cli library reads
// without dropping anything silently: global flags, command, its flags, "--",
// arguments. It refuses what no command knows, so the library never has to.
func reorder(app *cli.App, args []string) ([]string, error) {
	l := line{app: app}
	for rest := args[1:]; len(rest) > 0; {
		n, err := l.take(rest)
		if err != nil {
			if l.command != nil && l.command.Name == "check" {
				err = checkFailed(err)
			}
			return nil, err
		}
		rest = rest[n:]
	}
	ordered := append([]string{args[0]}, l.global...)
	switch {
	case l.command == nil:
		return ordered, nil // which prints the help, too
	case l.help:
		return append(ordered, "help", l.command.Name), nil
	}
	ordered = append(ordered, l.command.Name)
	ordered = append(ordered, l.flags...)
	if len(l.arguments) > 0 {
		ordered = append(append(ordered, "--"), l.arguments...)
	}
	return ordered, nil
}

// line is a command line that is being sorted.
type line struct {
	app       *cli.App
	command   *cli.Command
	global    []string
	flags     []string
	arguments []string
	help      bool
}

// take sorts the first word, with its value if it is a flag that has one, and
// returns how many words that were.
func (l *line) take(words []string) (int, error) {
	word := words[0]
	switch {
	case word == "--":
		for _, w := range words[1:] {
			if err := l.argument(w); err != nil {
				return 0, err
			}
		}
		return len(words), nil
	case len(word) < 2 || word[0] != '-':
		return 1, l.argument(word)
	}
	return l.flag(words)
}

func (l *line) argument(word string) error {
	if l.command != nil {
		l.arguments = append(l.arguments, word)
		return nil
	}
	l.command = l.app.Command(word)
	if l.command != nil {
		return nil
	}
	return unknownCommand(l.app, word, "edgeman ")
}

func (l *line) flag(words []string) (int, error) {
	word := words[0]
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f, global := l.find(word, name)
	switch {
	case f == nil:
		return 0, l.unknown(word)
	case f == cli.HelpFlag:
		l.help = true
		return 1, nil
	}
	taken := 1
	if !hasValue && takesValue(f) {
		if len(words) < 2 || isFlag(words[1]) {
			return 0, hint.With(usage("%s needs a value", word), "%s", helpHint(l.command))
		}
		value, hasValue, taken = words[1], true, 2
		word += "=" + value
	}
	if hasValue && !valid(f, name, value) {
		word, _, _ = strings.Cut(word, "=")
		return 0, hint.With(usage("invalid value %q for %s", value, word), "%s", helpHint(l.command))
	}
	if global {
		l.global = append(l.global, word)
	} else {
		l.flags = append(l.flags, word)
	}
	return taken, nil
}

// find looks a flag up where it may be meant: with the command first, then
// among those of the whole program. Long names have two dashes, letters one.
func (l *line) find(word, name string) (f cli.Flag, global bool) {
	dashes := len(word) - len(strings.TrimLeft(word, "-"))
	if name == "" || dashes != min(len(name), 2) {
		return nil, false
	}
	if l.command != nil {
		if f := findFlag(l.command.Flags, name); f != nil {
			return f, false
		}
		return findFlag(l.app.Flags, name), true
	}
	if f = findFlag(l.app.Flags, name); f == nil {
		f = findFlag([]cli.Flag{cli.VersionFlag}, name)
	}
	return f, true
}

func (l *line) unknown(word string) error {
	flags := slices.Concat(l.app.Flags, []cli.Flag{cli.VersionFlag})
	where := "edgeman"
	if l.command != nil {
		flags = slices.Concat(l.command.Flags, l.app.Flags)
		where = "edgeman " + l.command.Name
	}
	word, _, _ = strings.Cut(word, "=")
	return hint.With(usage("unknown flag %s for %s", word, where),
		"%s", suggestion(strings.TrimLeft(word, "-"), flagNames(flags), "--", helpHint(l.command)))
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// isFlag tells a flag from a value; a negative number is a value, and refused as
// one.
func isFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

// valid tells whether a value is of the flag's kind.
func valid(f cli.Flag, name, value string) bool {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	return f.Apply(set) == nil && set.Set(name, value) == nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

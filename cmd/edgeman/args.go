package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
)

// reorder puts the command line into the only order that the cli library reads
// without dropping anything silently: global flags, command, its flags, "--",
// arguments. It refuses what no command knows, so the library never has to.
func reorder(app *cli.App, args []string) ([]string, error) {
	l := line{app: app}
	for rest := args[1:]; len(rest) > 0; {
		n, err := l.take(rest)
		if err != nil {
			return nil, misused(l.command, err)
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

// unknownCommand refuses a word that is no command; prefix is what stands in
// front of a command there.
func unknownCommand(app *cli.App, word, prefix string) error {
	next := suggestion(word, commandNames(app), prefix, helpHint(nil))
	if word == cli.VersionFlag.Names()[0] {
		next = "did you mean edgeman --version? " + helpHint(nil)
	}
	return hint.With(usage("unknown command %q", word), "%s", next)
}

func (l *line) flag(words []string) (int, error) {
	word := words[0]
	name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
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
		word += "=" + words[1]
		taken = 2
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
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

// isFlag tells a flag from a value; a negative number is a value, and refused as
// one.
func isFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
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

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

// suggestion is "did you mean" for the nearest name, if one is near.
func suggestion(word string, names []string, prefix, otherwise string) string {
	best := state.Nearest(word, names)
	if best == "" {
		return otherwise
	}
	return "did you mean " + prefix + best + "? " + otherwise
}

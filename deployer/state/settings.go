package state

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// SettingsError is an app file, or a file that it names, from which nothing can
// be taken. Nothing was done, and what ran before runs on.
type SettingsError struct {
	App string
	Err error
}

func (e *SettingsError) Error() string { return Unharmed(e.App, e.Err.Error()) }
func (e *SettingsError) Unwrap() error { return e.Err }

// Unharmed adds to the text of an error that the app serves as before: what
// still works stands in front of what to do next.
func Unharmed(app, text string) string {
	text, hint, hinted := strings.Cut(text, "\nhint: ")
	text += "\n" + app + " serves as before"
	if hinted {
		text += "\nhint: " + hint
	}
	return text
}

// encode is the app file with every setting in it, those that are not set as a
// comment: people learn from the file what there is.
func (a App) encode() ([]byte, error) {
	full, unset := a.withExamples()
	data, err := toml.Marshal(full)
	if err != nil {
		return nil, fmt.Errorf("encoding the settings of %s: %w", a.Name, err)
	}
	for _, line := range unset {
		data = regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(line)).ReplaceAll(data, []byte("# "+line))
	}
	return data, nil
}

// withExamples gives each setting that the file would leave out a value that it
// might have, and returns how their lines begin.
func (a App) withExamples() (full App, unset []string) {
	example := func(set bool, fill func(), lines ...string) {
		if !set {
			fill()
			unset = append(unset, lines...)
		}
	}
	example(a.Health != "", func() { a.Health = "/health" }, "health = ")
	example(len(a.HealthHeaders) > 0, func() { a.HealthHeaders = []string{"Host: example.com"} }, "health_headers = ")
	example(a.EnvFile != "", func() { a.EnvFile = "/etc/" + a.Name + ".env" }, "env_file = ")
	example(len(a.Env) > 0, func() { a.Env = []string{"KEY=VALUE"} }, "env = ")
	example(len(a.Command) > 0, func() { a.Command = []string{"program", "argument"} }, "command = ")
	example(a.Idle > 0, func() { a.Idle = Duration(30 * time.Minute) }, "idle = ")
	example(a.AllowLayer, func() { a.AllowLayer = true }, "allow_writable_layer = ")
	example(a.KeepWarm > 0, func() { a.KeepWarm = Duration(5 * time.Minute) }, "keep_warm = ")
	example(a.Drain.Reload, func() { a.Drain.Reload = true }, "reload = ")
	// With its table, or native.blocking above the tables would make it twice.
	example(a.Native.Blocking, func() { a.Native.Blocking = true }, "[native]", "blocking = ")
	return a, unset
}

// settingNames are all settings of an app file, those of a table with its name
// in front.
func settingNames() []string { return tomlNames(reflect.TypeFor[App](), "") }

func tomlNames(t reflect.Type, prefix string) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case name == "-" || name == "":
		case f.Type.Kind() == reflect.Struct && f.Type.Name() == "": // a table
			names = append(names, tomlNames(f.Type, prefix+name+".")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

// meant says which setting an unknown name was most likely meant to be: one in
// the wrong table, or one that is mistyped.
func meant(name string) string {
	names := settingNames()
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, n := range names {
		if n == last {
			return fmt.Sprintf("%s belongs above the first [table] of the file", n)
		}
		if table, key, ok := strings.Cut(n, "."); ok && key == last {
			return fmt.Sprintf("did you mean %s? it belongs below [%s]", n, table)
		}
	}
	if n := Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return "there are " + strings.Join(names, ", ")
}

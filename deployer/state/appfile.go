package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"edgeman/sockets"
)

// SettingsError is an app file, or a file that it names, from which nothing can
// be taken. Nothing was done, and what ran before runs on.
type SettingsError struct {
	App string
	Err error
}

func (e *SettingsError) Error() string { return Unharmed(e.App, e.Err.Error()) }
func (e *SettingsError) Unwrap() error { return e.Err }

// Unharmed adds to the text of an error that the app serves as before.
func Unharmed(app, text string) string {
	return text + "\n" + app + " serves as before"
}

// ReadApp loads and checks the app's intent; ErrNoApp if it was never adopted,
// ErrNoSettings if its file is gone, a *SettingsError if it cannot be used.
func (p Paths) ReadApp(name string) (App, error) {
	a := DefaultApp(name)
	if err := sockets.ValidName(name); err != nil {
		return a, err
	}
	err := a.read(p.AppConfig(name))
	if errors.Is(err, fs.ErrNotExist) {
		return a, p.absent(name)
	}
	if err != nil {
		return a, &SettingsError{name, err}
	}
	return a, nil
}

func (a *App) read(path string) error {
	data, err := ReadTrusted(path)
	if err != nil {
		return err
	}
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(a); err != nil {
		return tomlError(path, err)
	}
	a.Strategy = Strategy(a.Strategy)
	if err := a.Validate(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// WriteApp stores the intent, for adopt; people edit it from then on.
func (p Paths) WriteApp(a App) error {
	if err := a.Validate(); err != nil {
		return err
	}
	// Every setting is in the file, those that are not set as a comment: people
	// learn from it what there is.
	full, unset := a.withExamples()
	data, err := toml.Marshal(full)
	if err != nil {
		return fmt.Errorf("encoding the settings of %s: %w", a.Name, err)
	}
	for _, line := range unset {
		data = regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(line)).ReplaceAll(data, []byte("# "+line))
	}
	return WriteFile(p.AppConfig(a.Name), data, 0o600)
}

// modeLine is the app file's mode: a setting before the first table.
var modeLine = regexp.MustCompile(`(?m)^mode[ \t]*=[^\n]*$`)

// SetMode changes the mode in the app's intent file and nothing else in it:
// the file belongs to its operator.
func (p Paths) SetMode(name, mode string) error {
	path := p.AppConfig(name)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, tables := string(data), ""
	if i := strings.Index("\n"+head, "\n["); i >= 0 {
		head, tables = head[:i], head[i:]
	}
	line := fmt.Sprintf("mode = %q", mode)
	if modeLine.MatchString(head) {
		head = modeLine.ReplaceAllLiteralString(head, line)
	} else {
		head = line + "\n" + head
	}
	return WriteFile(path, []byte(head+tables), 0o600)
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

// Environment is what the app file adds to the container's environment: env,
// then env_file. It is read as root, so the file must be root's; no line of it
// is ever quoted in an error.
func (a App) Environment() ([]string, error) {
	env := slices.Clone(a.Env)
	if a.EnvFile == "" {
		return env, nil
	}
	data, err := ReadTrusted(a.EnvFile)
	if err != nil {
		return nil, &SettingsError{a.Name, fmt.Errorf("env_file: %w", err)}
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t\x00") || strings.ContainsRune(line, 0) {
			return nil, &SettingsError{a.Name, fmt.Errorf("env_file: %s:%d: not a KEY=VALUE line", a.EnvFile, i+1)}
		}
		env = append(env, line)
	}
	return env, nil
}

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/sockets"
)

// ErrNoApp is returned for an app that was never adopted.
var ErrNoApp = errors.New("no such app")

// ErrNoSettings is returned for an adopted app whose settings file is gone.
var ErrNoSettings = errors.New("is missing")

// absent tells an app whose settings file somebody removed from one that was
// never adopted.
func (p Paths) absent(name string) error {
	if _, err := os.Lstat(p.Live(name)); err == nil {
		return hint.With(fmt.Errorf("%s %w, %s serves as before", p.AppConfig(name), ErrNoSettings, name),
			"put it back, or edgeman repair %s writes it anew", name)
	}
	return NoApp(name)
}

// NoApp is ErrNoApp with the name and a hint.
func NoApp(name string) error {
	return hint.With(fmt.Errorf("%w: %s", ErrNoApp, name), "edgeman status lists them")
}

// Adopted refuses the first name that is no app's.
func (p Paths) Adopted(names ...string) error {
	known, err := p.AppNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return NoApp(name)
		}
	}
	return nil
}

// AppNames lists the adopted apps, sorted: each that has a settings file or a
// live pointer.
func (p Paths) AppNames() ([]string, error) {
	files, err := os.ReadDir(filepath.Join(p.Etc, "apps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing apps: %w", err)
	}
	var names []string
	for _, e := range files {
		name, ok := strings.CutSuffix(e.Name(), ".toml")
		if ok && sockets.ValidName(name) == nil {
			names = append(names, name)
		}
	}
	states, err := os.ReadDir(p.Apps())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing apps: %w", err)
	}
	for _, e := range states {
		if sockets.ValidName(e.Name()) != nil || slices.Contains(names, e.Name()) {
			continue
		}
		if _, err := os.Lstat(p.Live(e.Name())); err == nil {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

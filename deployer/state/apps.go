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

// RemoveApp deletes the app's intent and all of its state.
func (p Paths) RemoveApp(name string) error {
	if err := sockets.ValidName(name); err != nil {
		return err
	}
	// The intent first: what is left after a kill is no app any more, and its
	// state, whole until it has another name, still lets repair finish.
	if err := removeFile(p.AppConfig(name)); err != nil {
		return err
	}
	gone := p.removedApp(name)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("removing the state of %s: %w", name, err)
	}
	if err := os.Rename(p.App(name), gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the state of %s: %w", name, err)
	}
	if err := syncDir(p.Apps()); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// SweepRemoved finishes a removal that was killed when the app was none any
// more.
func (p Paths) SweepRemoved(app string) error { return os.RemoveAll(p.removedApp(app)) }

// removedApp is the name that an app's state has while it is being removed.
func (p Paths) removedApp(app string) string { return filepath.Join(p.Apps(), "."+app+".removed") }

// sweep removes what writers that were killed have left of the app: the
// temporary files that each change is made in before its rename. The caller has
// just taken the app's lock, and only its holder writes there.
func (p Paths) sweep(app string) error {
	for _, stale := range []struct{ dir, prefix string }{
		{p.App(app), "."},
		{p.App(app), filepath.Base(p.Live(app)) + ".new"},
		{p.Releases(app), "."},
		{p.Site(app), "."},
		{p.Slots(), "." + app + ":"},
		{filepath.Dir(p.AppConfig(app)), "." + filepath.Base(p.AppConfig(app))},
		{p.Apps(), filepath.Base(p.removedApp(app))},
	} {
		entries, err := os.ReadDir(stale.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clearing up for %s: %w", app, err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), stale.prefix) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(stale.dir, e.Name())); err != nil {
				return fmt.Errorf("clearing up for %s: %w", app, err)
			}
		}
	}
	return nil
}

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"edgeman/sockets"
)

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

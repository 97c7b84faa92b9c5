package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
	"edgeman/templates"
)

// Uninstall removes what Install put in place and is refused while an app is
// adopted. Settings that people wrote stay.
func (h *Host) Uninstall(ctx context.Context, dryRun bool) (Result, error) {
	result := Result{DryRun: dryRun, Changes: []Change{}}
	unlock, err := h.LockHost(ctx, "uninstall", dryRun)
	if err != nil {
		return result, err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	if err := h.RefuseAdopted(); err != nil {
		return result, err
	}
	facts, ok, err := h.ReadFacts()
	if err != nil {
		return result, err
	}
	if !ok {
		return result, nil
	}
	timer, err := h.removeTimer(ctx, facts, dryRun)
	if err != nil {
		return result, err
	}
	// The record goes last: it lists what is left to remove.
	paths := append(append(facts.Files, timer...), filepath.Join(h.Program.System.Root, timerStamp), h.Paths.Run)
	for _, p := range paths {
		if err := result.remove(p, dryRun); err != nil {
			return result, err
		}
	}
	if !dryRun {
		if err := h.Units.Reload(ctx); err != nil {
			return result, fmt.Errorf("making systemd forget the units: %w", err)
		}
		if err := h.forgetFailed(ctx); err != nil {
			return result, err
		}
	}
	result.Changes = append(result.Changes, Change{Action: "reload", Note: "systemd reads its units again"})
	for _, p := range []string{filepath.Join(h.Program.System.Root, program.LibDir), filepath.Join(h.Paths.Etc, "apps"), h.Paths.Etc} {
		if err := result.removeEmpty(p, dryRun); err != nil {
			return result, err
		}
	}
	return result, result.remove(h.Paths.Var, dryRun)
}

// removeTimer stops what `edgeman check --install-timer` put in place and
// returns its files.
func (h *Host) removeTimer(ctx context.Context, facts Facts, dryRun bool) ([]string, error) {
	files, err := h.rendered(templates.RenderCheck, program.ProgramPath, facts.Nginx.Group)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		if _, err := os.Lstat(f.path); err != nil {
			continue
		}
		paths = append(paths, f.path)
		if unit := filepath.Base(f.path); !dryRun && strings.HasSuffix(unit, ".timer") {
			if err := errors.Join(h.Units.Disable(ctx, unit), h.Units.Stop(ctx, unit)); err != nil {
				return nil, fmt.Errorf("stopping %s: %w", unit, err)
			}
		}
	}
	return paths, nil
}

// timerStamp is where systemd remembers when the timer last fired.
const timerStamp = "/var/lib/systemd/timers/stamp-" + checkTimer

// forgetFailed makes systemd forget the runs of edgeman check that failed, and
// with them units that are gone.
func (h *Host) forgetFailed(ctx context.Context) error {
	units, err := h.Units.Active(ctx, "edgeman-check*")
	if err != nil {
		return fmt.Errorf("asking systemd for its units: %w", err)
	}
	for unit, active := range units {
		if active != "failed" {
			continue
		}
		if err := h.Units.ResetFailed(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// RefuseAdopted names what still needs edgeman. State without a settings file
// counts too: its site may still point at a slot.
func (h *Host) RefuseAdopted() error {
	names, err := h.Paths.AppNames()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(h.Paths.Apps())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listing apps: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(names, e.Name()) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return hint.With(outcome.Refuse("adopted: %s; their sites need edgeman's sockets", strings.Join(names, ", ")), "edgeman unadopt %s", names[0])
}

func (r *Result) remove(path string, dryRun bool) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !dryRun {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing %s: %w", path, err)
		}
	}
	r.Changes = append(r.Changes, Change{Action: "remove", Path: path})
	return nil
}

func (r *Result) removes(path string) bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Action == "remove" && c.Path == path })
}

// removeEmpty removes a directory unless somebody else has put something there.
func (r *Result) removeEmpty(path string, dryRun bool) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	for _, e := range entries { // a dry run has left there what it would remove
		if !r.removes(filepath.Join(path, e.Name())) {
			r.Changes = append(r.Changes, Change{Action: "keep", Path: path, Note: "not empty: " + e.Name()})
			return nil
		}
	}
	return r.remove(path, dryRun)
}

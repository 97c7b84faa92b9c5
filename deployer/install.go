package deployer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgeman/templates"
)

// installWait bounds everything that install asks of systemd, nginx and Docker.
const installWait = 60 * time.Second

// Change is one thing that install or uninstall did, or would do.
type Change struct {
	Action string `json:"action"` // create, update, remove, reload, keep
	Path   string `json:"path,omitempty"`
	Note   string `json:"note,omitempty"`
}

func (c Change) String() string {
	switch {
	case c.Path == "":
		return fmt.Sprintf("%-7s %s", c.Action, c.Note)
	case c.Note == "":
		return fmt.Sprintf("%-7s %s", c.Action, c.Path)
	}
	return fmt.Sprintf("%-7s %s (%s)", c.Action, c.Path, c.Note)
}

// InstallResult is what `edgeman install` and `uninstall` found and changed.
type InstallResult struct {
	DryRun  bool     `json:"dry_run,omitempty"`
	Changes []Change `json:"changes"`
	Facts   *Facts   `json:"facts,omitempty"`
}

// Install puts the unit templates, the directories, and the program itself in
// place and records the facts of the host. It is idempotent: what is right
// already is left alone and not reported. With dryRun nothing is changed.
//
// The record is written last and a daemon-reload precedes it, so that an
// install that was cut short is completed by the next one.
func (h *Host) Install(ctx context.Context, dryRun bool) (InstallResult, error) {
	result, err := h.install(ctx, dryRun)
	if err == nil {
		err = h.warnInit()
	}
	return result, err
}

func (h *Host) install(ctx context.Context, dryRun bool) (InstallResult, error) {
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	result := InstallResult{DryRun: dryRun, Changes: []Change{}}
	program, err := h.program()
	if err != nil {
		return result, err
	}
	facts, err := h.findFacts(ctx)
	if err != nil {
		return result, err
	}
	facts.Program = program.path
	files, err := h.installFiles(program, facts)
	if err != nil {
		return result, err
	}
	if err := h.remember(&facts, files); err != nil {
		return result, err
	}
	result.Facts = &facts
	changes, err := h.apply(ctx, files, &facts, dryRun)
	result.Changes = append(result.Changes, changes...)
	return result, err
}

// EnsureInstalled is Install for commands that need it done; it tells on
// stderr what it changed.
func (h *Host) EnsureInstalled(ctx context.Context) error {
	result, err := h.install(ctx, false)
	for _, c := range result.Changes {
		h.step("install", "%s", c)
	}
	if err != nil {
		return fmt.Errorf("installing edgeman on this host: %w", err)
	}
	return nil
}

// apply makes the host match files and facts, and reports what differed.
func (h *Host) apply(ctx context.Context, files []installFile, facts *Facts, dryRun bool) ([]Change, error) {
	changes := h.missingDirs()
	if !dryRun {
		if err := h.Paths.MakeBase(); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		change, differs, err := f.compare()
		if err != nil {
			return changes, err
		}
		if !differs {
			continue
		}
		if !dryRun {
			if err := f.write(); err != nil {
				return changes, err
			}
		}
		changes = append(changes, change)
	}
	recorded, err := h.sameFacts(*facts)
	if err != nil {
		return changes, err
	}
	if len(changes) == 0 && recorded {
		return nil, nil
	}
	changes = append(changes, Change{Action: "reload", Note: "systemd reads its units again"})
	if !recorded {
		changes = append(changes, Change{Action: "update", Path: h.Paths.HostFacts(), Note: facts.summary()})
	}
	if dryRun {
		return changes, nil
	}
	if err := h.Units.Reload(ctx); err != nil {
		return changes, fmt.Errorf("making systemd read its units: %w", err)
	}
	return changes, h.writeFacts(facts)
}

// missingDirs are the directories that MakeBase is about to create.
func (h *Host) missingDirs() []Change {
	var changes []Change
	for _, d := range []string{h.Paths.Etc, h.Paths.Var, h.Paths.Run} {
		if _, err := os.Stat(d); errors.Is(err, fs.ErrNotExist) {
			changes = append(changes, Change{Action: "create", Path: d})
		}
	}
	return changes
}

// Uninstall removes what Install put in place and is refused while an app is
// adopted. Settings that people wrote stay.
func (h *Host) Uninstall(ctx context.Context, dryRun bool) (InstallResult, error) {
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	result := InstallResult{DryRun: dryRun, Changes: []Change{}}
	if err := h.refuseAdopted(); err != nil {
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
	paths := append(append(facts.Files, timer...), filepath.Join(h.System.Root, timerStamp), h.Paths.Run)
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
	for _, p := range []string{filepath.Join(h.System.Root, libDir), filepath.Join(h.Paths.Etc, "apps"), h.Paths.Etc} {
		if err := result.removeEmpty(p, dryRun); err != nil {
			return result, err
		}
	}
	return result, result.remove(h.Paths.Var, dryRun)
}

// removeTimer stops what `edgeman check --install-timer` put in place and
// returns its files.
func (h *Host) removeTimer(ctx context.Context, facts Facts, dryRun bool) ([]string, error) {
	files, err := templates.RenderCheck(templates.Params{Binary: programPath, Group: facts.Nginx.Group})
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(h.System.Root, f.Path)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		paths = append(paths, path)
		if unit := filepath.Base(path); !dryRun && strings.HasSuffix(unit, ".timer") {
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

// refuseAdopted names what still needs edgeman. State without a settings file
// counts too: its site may still point at a slot.
func (h *Host) refuseAdopted() error {
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
	return refuse("adopted: %s; their sites need edgeman's sockets\nhint: edgeman unadopt %s", strings.Join(names, ", "), names[0])
}

func (r *InstallResult) remove(path string, dryRun bool) error {
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

func (r *InstallResult) removes(path string) bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Action == "remove" && c.Path == path })
}

// removeEmpty removes a directory if nothing of other people's is in it.
func (r *InstallResult) removeEmpty(path string, dryRun bool) error {
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

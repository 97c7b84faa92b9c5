// Package install puts edgeman's own files, units and directories on a host and
// removes them again.
package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/program"
	"edgeman/deployer/slots"
)

// Host is what install and uninstall touch.
type Host struct {
	*slots.Host
	Units   Units
	Docker  Docker // nil: it does not answer
	Nginx   Nginx
	Program *program.Host
	Version string // of edgeman
}

// Units are the calls on systemd that install needs.
type Units interface {
	Start(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
	Enable(ctx context.Context, units ...string) error
	Disable(ctx context.Context, units ...string) error
	Reload(ctx context.Context) error
	ResetFailed(ctx context.Context, unit string) error
	Active(ctx context.Context, pattern string) (map[string]string, error)
	Version(ctx context.Context) (string, error)
}

// Docker tells which API it speaks.
type Docker interface{ API() string }

// Nginx tells what runs.
type Nginx interface {
	Facts(ctx context.Context) (nginx.Facts, error)
}

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

// Result is what `edgeman install` and `uninstall` found and changed.
type Result struct {
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
func (h *Host) Install(ctx context.Context, dryRun bool) (Result, error) {
	unlock, err := h.LockHost(ctx, "install", dryRun)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	result, err := h.InstallLocked(ctx, dryRun)
	if err == nil {
		err = h.Program.WarnInit()
	}
	return result, err
}

// InstallLocked is Install for whoever holds the host's lock, or only asks.
func (h *Host) InstallLocked(ctx context.Context, dryRun bool) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	result := Result{DryRun: dryRun, Changes: []Change{}}
	program, err := h.Program.Trusted()
	if err != nil {
		return result, err
	}
	facts, err := h.findFacts(ctx)
	if err != nil {
		return result, err
	}
	facts.Program = program.Path
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
	unlock, err := h.LockHost(ctx, "install", false)
	if err != nil {
		return err
	}
	defer unlock()
	return h.EnsureLocked(ctx)
}

// EnsureLocked is EnsureInstalled for whoever holds the host's lock.
func (h *Host) EnsureLocked(ctx context.Context) error {
	result, err := h.InstallLocked(ctx, false)
	for _, c := range result.Changes {
		h.Step("install", "%s", c)
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
	updates, err := update(files, dryRun)
	changes = append(changes, updates...)
	if err != nil {
		return changes, err
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
	if err := h.reloadUnits(ctx); err != nil {
		return changes, err
	}
	return changes, h.WriteFacts(facts)
}

func (h *Host) reloadUnits(ctx context.Context) error {
	if err := h.Units.Reload(ctx); err != nil {
		return fmt.Errorf("making systemd read its units: %w", err)
	}
	return nil
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

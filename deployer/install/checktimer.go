package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"edgeman/templates"
)

// checkTimer is the unit that is enabled; it starts all the rest.
const checkTimer = "edgeman-check.timer"

// InstallCheckTimer makes the host run edgeman check every hour: a systemd timer
// whose service mails root when it fails, and a cron entry that stands aside
// where systemd runs. It installs edgeman first, since a unit needs a program
// that stays where it is. It may be run again at any time.
func (h *Host) InstallCheckTimer(ctx context.Context) (Result, error) {
	if err := h.EnsureInstalled(ctx); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, installWait)
	defer cancel()
	result := Result{}
	files, err := h.checkFiles()
	if err != nil {
		return result, err
	}
	for _, f := range files {
		change, differs, err := f.compare()
		if err != nil {
			return result, err
		}
		if !differs {
			continue
		}
		if err := f.write(); err != nil {
			return result, err
		}
		result.Changes = append(result.Changes, change)
	}
	return result, h.startCheckTimer(ctx, &result)
}

func (h *Host) checkFiles() ([]installFile, error) {
	p, err := h.Program.Trusted()
	if err != nil {
		return nil, err
	}
	rendered, err := templates.RenderCheck(templates.Params{Binary: strings.TrimPrefix(p.Path, h.Program.System.Root), Group: "root"})
	if err != nil {
		return nil, err
	}
	var files []installFile
	for _, f := range rendered {
		files = append(files, installFile{path: filepath.Join(h.Program.System.Root, f.Path), mode: f.Mode, data: f.Content})
	}
	return files, nil
}

// startCheckTimer enables and starts the timer, as far as it is not yet.
func (h *Host) startCheckTimer(ctx context.Context, result *Result) error {
	_, err := os.Lstat(h.checkLink())
	if enabled := err == nil; len(result.Changes) > 0 || !enabled {
		if err := h.Units.Reload(ctx); err != nil {
			return fmt.Errorf("making systemd read its units: %w", err)
		}
		if err := h.Units.Enable(ctx, checkTimer); err != nil {
			return fmt.Errorf("enabling %s: %w", checkTimer, err)
		}
		if err := h.Units.Reload(ctx); err != nil {
			return fmt.Errorf("making systemd read its units: %w", err)
		}
		result.Changes = append(result.Changes, Change{Action: "enable", Path: checkTimer})
	}
	if err := h.Units.Start(ctx, checkTimer); err != nil {
		return fmt.Errorf("starting %s: %w", checkTimer, err)
	}
	return nil
}

// checkLink is what enabling the timer makes.
func (h *Host) checkLink() string {
	return filepath.Join(h.Program.System.Root, templates.UnitDir, "timers.target.wants", checkTimer)
}

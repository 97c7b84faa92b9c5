package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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
	p, err := h.Program.Trusted()
	if err != nil {
		return Result{}, err
	}
	files, err := h.rendered(templates.RenderCheck, p.Path, "root")
	if err != nil {
		return Result{}, err
	}
	changes, err := update(files, false)
	result := Result{Changes: changes}
	if err != nil {
		return result, err
	}
	return result, h.startCheckTimer(ctx, &result)
}

// startCheckTimer enables and starts the timer, as far as it is not yet.
func (h *Host) startCheckTimer(ctx context.Context, result *Result) error {
	link := filepath.Join(h.Program.System.Root, templates.UnitDir, "timers.target.wants", checkTimer)
	_, err := os.Lstat(link)
	if enabled := err == nil; len(result.Changes) > 0 || !enabled {
		if err := h.reloadUnits(ctx); err != nil {
			return err
		}
		if err := h.Units.Enable(ctx, checkTimer); err != nil {
			return fmt.Errorf("enabling %s: %w", checkTimer, err)
		}
		if err := h.reloadUnits(ctx); err != nil {
			return err
		}
		result.Changes = append(result.Changes, Change{Action: "enable", Path: checkTimer})
	}
	if err := h.Units.Start(ctx, checkTimer); err != nil {
		return fmt.Errorf("starting %s: %w", checkTimer, err)
	}
	return nil
}

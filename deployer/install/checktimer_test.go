package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/templates"
)

// timerUnits is a systemd that enables as the real one does: with a link.
type timerUnits struct {
	*installUnits
	root    string
	started []string
	fail    error
}

func (u *timerUnits) Enable(_ context.Context, units ...string) error {
	if u.fail != nil {
		return u.fail
	}
	wants := filepath.Join(u.root, templates.UnitDir, "timers.target.wants")
	return errors.Join(os.MkdirAll(wants, 0o755), os.Symlink("../"+units[0], filepath.Join(wants, units[0])))
}

func (u *timerUnits) Start(_ context.Context, unit string) error {
	u.started = append(u.started, unit)
	return nil
}

func TestInstallCheckTimer(t *testing.T) {
	b := newBare(t)
	units := &timerUnits{installUnits: b.units, root: b.root, fail: errors.New("killed here")}
	b.Units = units
	if _, err := b.InstallCheckTimer(context.Background()); err == nil {
		t.Fatal("a timer that cannot be enabled is no error")
	}
	units.fail = nil
	result, err := b.InstallCheckTimer(context.Background())
	if err != nil || len(result.Changes) != 1 || !slices.Equal(units.started, []string{checkTimer}) {
		t.Fatalf("completing it: %v, started %v, %v", result.Changes, units.started, err)
	}
	for _, path := range []string{"/etc/systemd/system/edgeman-check.service", "/etc/systemd/system/" + checkTimer, "/etc/cron.d/edgeman"} {
		if _, err := os.Stat(b.path(path)); err != nil {
			t.Error(err)
		}
	}
	service, err := os.ReadFile(b.path("/etc/systemd/system/edgeman-check.service"))
	if err != nil || !strings.Contains(string(service), "ExecStart=/usr/local/bin/edgeman check --quiet --remember\n") {
		t.Errorf("the service does not run the installed program: %v\n%s", err, service)
	}

	b.log.Reset()
	if result, err = b.InstallCheckTimer(context.Background()); err != nil || len(result.Changes) != 0 || b.log.Len() > 0 {
		t.Errorf("once more: %v, %v\n%s", result.Changes, err, b.log.String())
	}
}

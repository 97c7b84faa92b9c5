package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The two slots of every app.
const (
	Blue  = "blue"
	Green = "green"
)

// nameRule keeps names valid in a unit name without any escaping, in a path,
// in a container name, and short enough for sun_path (107 bytes).
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

// Slot is one of the two places in which a release of an app can run: one
// listening socket and one service. The zero Slot is not valid; make one with
// [ParseSlot] or from a name that passed [ValidName] and [Blue] or [Green].
type Slot struct {
	App   string // the app's name
	Color string // Blue or Green
}

// ValidName reports why app cannot be the name of an app, or nil.
func ValidName(app string) error {
	if !nameRule.MatchString(app) {
		return fmt.Errorf("app name %q: want 1 to 31 characters of a-z, 0-9 and -, not starting with -", app)
	}
	return nil
}

// ParseSlot reads a slot as [Slot.String] writes it, "myapp:blue". It accepts
// nothing else, so its result can be used in paths and unit names.
func ParseSlot(s string) (Slot, error) {
	app, color, ok := strings.Cut(s, ":")
	if !ok || (color != Blue && color != Green) {
		return Slot{}, fmt.Errorf("slot %q: want APP:%s or APP:%s", s, Blue, Green)
	}
	if err := ValidName(app); err != nil {
		return Slot{}, fmt.Errorf("slot %q: %w", s, err)
	}
	return Slot{App: app, Color: color}, nil
}

// String returns the slot as it stands in unit names and paths, "myapp:blue".
func (s Slot) String() string { return s.App + ":" + s.Color }

// Other returns the app's other slot.
func (s Slot) Other() Slot {
	if s.Color == Blue {
		return Slot{s.App, Green}
	}
	return Slot{s.App, Blue}
}

// SocketUnit returns the name of the slot's systemd socket unit.
func (s Slot) SocketUnit() string { return "edgeman@" + s.String() + ".socket" }

// ServiceUnit returns the name of the slot's systemd service unit.
func (s Slot) ServiceUnit() string { return "edgeman@" + s.String() + ".service" }

// SocketPath returns the path of the slot's listening socket below run, which
// is /run/edgeman outside of tests.
func (s Slot) SocketPath(run string) string {
	return filepath.Join(run, s.String()+".sock")
}

// ReadLive returns the slot that the live pointer names. The pointer is a
// symlink to that slot's socket, and nginx connects through it. The second
// result is false when there is no pointer yet. A link that names no slot of
// ours is an error: somebody else wrote it.
func ReadLive(link string) (Slot, bool, error) {
	target, err := os.Readlink(link)
	if errors.Is(err, fs.ErrNotExist) {
		return Slot{}, false, nil
	}
	if err != nil {
		return Slot{}, false, fmt.Errorf("reading the live pointer: %w", err)
	}
	name, ok := strings.CutSuffix(filepath.Base(target), ".sock")
	if !ok {
		return Slot{}, false, fmt.Errorf("live pointer %s names %q, which is no slot's socket", link, target)
	}
	slot, err := ParseSlot(name)
	if err != nil {
		return Slot{}, false, fmt.Errorf("live pointer %s: %w", link, err)
	}
	return slot, true, nil
}

// SwitchLive makes link point to the socket of slot to below runDir. It is one
// rename(2), so every connect(2) sees either the old or the new slot, and it
// has reached the disk when SwitchLive returns. Callers hold the app's state
// lock; a temporary link that a killed caller left behind is replaced.
func SwitchLive(link, runDir string, to Slot) error {
	temp := link + ".new"
	err := os.Remove(temp)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Symlink(to.SocketPath(runDir), temp)
	}
	if err == nil {
		err = os.Rename(temp, link)
	}
	if err != nil {
		return fmt.Errorf("switching to %s: %w", to, err)
	}
	if err := syncDir(filepath.Dir(link)); err != nil {
		return fmt.Errorf("switched to %s, but not safely on disk: %w", to, err)
	}
	return nil
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

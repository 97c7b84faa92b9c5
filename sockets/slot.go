package sockets

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
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
// listening socket for each of the app's listeners, and one service. The zero
// Slot is not valid; make one with [ParseSlot] or from a name that passed
// [ValidName] and [Blue] or [Green].
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

// SocketDir returns the directory of the slot's listening sockets below run,
// which is /run/edgeman outside of tests.
func (s Slot) SocketDir(run string) string { return filepath.Join(run, s.String()) }

// SocketPath returns the path of the listener with that name in dir: a slot's
// [Slot.SocketDir], or the live pointer, which leads to one.
func SocketPath(dir, listener string) string { return filepath.Join(dir, listener+socketSuffix) }

const socketSuffix = ".sock"

// ValidListener reports why name cannot be the name of a listener, or nil. It is
// the TCP port that the app listened on when it was adopted.
func ValidListener(name string) error {
	if n, err := strconv.ParseUint(name, 10, 16); err != nil || strconv.FormatUint(n, 10) != name || n == 0 {
		return fmt.Errorf("listener name %q: want a port, 1 to 65535", name)
	}
	return nil
}

// Package state is what edgeman keeps on disk: intent, releases, slots, locks and
// history, and the one way in which commands and the slots' services change them
// (transitions.go). What a person sees in these directories is what is true; there
// is no database and no daemon that knows more.
//
//	/etc/edgeman/apps/APP.toml               intent, edited by people      (app.go, appfile.go)
//	/var/lib/edgeman/apps/APP/live           the switch, see package sockets
//	/var/lib/edgeman/apps/APP/releases/      immutable records             (release.go)
//	/var/lib/edgeman/apps/APP/history.jsonl  what happened                 (history.go)
//	/var/lib/edgeman/apps/APP/operation.json a command under way           (journal.go)
//	/var/lib/edgeman/apps/APP/lock, state.lock                             (lock.go)
//	/var/lib/edgeman/slots/APP:SLOT          link to the release it runs   (slotlink.go)
//	/var/lib/edgeman/slots/APP:SLOT.pause    requests held back, until when (pause.go)
//	/run/edgeman/APP:SLOT.drain              the terms on which it ends    (drain.go)
//	/run/edgeman/APP:SLOT.json               what its service says of it   (slotstatus.go)
//
// Every change is one atomic rename followed by an fsync of the directory
// (atomic.go). What root acts upon is read only if nobody else could have written
// it (trust.go). The package knows neither systemd nor Docker nor nginx.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"edgeman/sockets"
)

// Paths are the three roots that edgeman owns, and where it leaves units. Tests point
// them elsewhere.
type Paths struct {
	Etc string // intent, written by people
	Var string // state that survives a reboot
	Run string // sockets and status of this boot

	Units string // of systemd's administrator: what makes a slot's socket unit listen is written there

	// Uptime tells clock jumps from time that passes; nil: the clock is never set.
	Uptime func() time.Duration

	before func(path string) error // for tests: an error keeps a change of path from being made
}

// DefaultPaths are the roots on a real host, by the Filesystem Hierarchy
// Standard.
func DefaultPaths() Paths {
	return Paths{Etc: "/etc/edgeman", Var: "/var/lib/edgeman", Run: "/run/edgeman", Units: "/etc/systemd/system", Uptime: uptime}
}

// HostConfig is the file with the host's settings.
func (p Paths) HostConfig() string { return filepath.Join(p.Etc, "edgeman.toml") }

// AppConfig is the app's intent file.
func (p Paths) AppConfig(app string) string { return filepath.Join(p.Etc, "apps", app+".toml") }

// HostFacts is where install records what it found on the host.
func (p Paths) HostFacts() string { return filepath.Join(p.Var, "host.json") }

// Apps is the directory that holds one directory an app.
func (p Paths) Apps() string { return filepath.Join(p.Var, "apps") }

// App is the app's state directory.
func (p Paths) App(app string) string { return filepath.Join(p.Var, "apps", app) }

// Live is the symlink that nginx connects to; renaming it is the switch.
func (p Paths) Live(app string) string { return filepath.Join(p.App(app), "live") }

// LiveSocket is the path that nginx connects to for one of the app's listeners.
func (p Paths) LiveSocket(app, listener string) string {
	return sockets.SocketPath(p.Live(app), listener)
}

// Releases is the directory of the app's release records.
func (p Paths) Releases(app string) string { return filepath.Join(p.App(app), "releases") }

// Release is the record of one release.
func (p Paths) Release(app string, number int) string {
	return filepath.Join(p.Releases(app), strconv.Itoa(number)+".json")
}

// Site is the directory with everything needed to give a site back.
func (p Paths) Site(app string) string { return filepath.Join(p.App(app), "site") }

// Original is the whole inspect output of adopted container i, from 0.
func (p Paths) Original(app string, i int) string {
	name := "container.json"
	if i > 0 {
		name = "container-" + strconv.Itoa(i+1) + ".json"
	}
	return filepath.Join(p.Site(app), name)
}

// Slots is the flat directory of slot links; a unit's %i names an entry.
func (p Paths) Slots() string { return filepath.Join(p.Var, "slots") }

// Slot is the link that says which release a slot runs; absent means empty.
func (p Paths) Slot(s sockets.Slot) string { return filepath.Join(p.Slots(), s.String()) }

// SlotNext is the link to the release that a stop-first swap wants in the slot.
func (p Paths) SlotNext(s sockets.Slot) string { return p.Slot(s) + ".next" }

// slotPause is the file that holds a slot's requests back until a deadline.
func (p Paths) slotPause(s sockets.Slot) string { return p.Slot(s) + ".pause" }

// slotDrain is the file with the terms on which a retired slot ends. It lies in
// Run because the connections it speaks of do not survive a reboot either.
func (p Paths) slotDrain(s sockets.Slot) string { return filepath.Join(p.Run, s.String()+".drain") }

// slotStatus is the file in which a slot's service says what it is doing.
func (p Paths) slotStatus(s sockets.Slot) string { return filepath.Join(p.Run, s.String()+".json") }

// SlotOutput is where a slot's service notes how far it has copied what the
// container prints.
func (p Paths) SlotOutput(s sockets.Slot) string { return filepath.Join(p.Run, s.String()+".output") }

// Handoffs has a directory for each native container, which is mounted into it;
// it is itself closed to users.
func (p Paths) Handoffs() string { return filepath.Join(p.Run, "handoff") }

// MakeBase creates the roots. nginx's workers must be able to walk to the
// sockets, so the directories on that way are searchable by everybody; records
// that can hold secrets are in directories that are not.
func (p Paths) MakeBase() error {
	for _, d := range []string{p.Etc, filepath.Join(p.Etc, "apps"), p.Var, p.Apps(), p.Slots()} {
		if err := makeDir(d, 0o755); err != nil {
			return err
		}
	}
	return p.MakeRun()
}

// MakeRun creates Run, which is empty after a boot and missing until the first
// socket starts.
func (p Paths) MakeRun() error { return makeDir(p.Run, 0o755) }

// MakeApp creates the app's directories.
func (p Paths) MakeApp(app string) error {
	if err := p.MakeBase(); err != nil {
		return err
	}
	if err := makeDir(p.App(app), 0o755); err != nil {
		return err
	}
	for _, d := range []string{p.Releases(app), p.Site(app)} {
		if err := makeDir(d, 0o700); err != nil {
			return err
		}
	}
	for _, d := range []string{p.Apps(), p.Var, p.Etc} { // the names of what MakeBase may just have made
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// makeDir creates path. What its operator has closed further stays closed.
func makeDir(path string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", path, err)
	}
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		st, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("creating %s: %w", path, err)
		}
		if mode&st.Mode().Perm() == st.Mode().Perm() {
			return nil
		}
		mode &= st.Mode().Perm()
	} else if err != nil {
		return fmt.Errorf("creating %s: %w", path, err)
	}
	// Mkdir honours the umask, and nginx needs the search bits.
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("setting the mode of %s: %w", path, err)
	}
	return nil
}

// removedApp is the name that an app's state has while it is being removed.
func (p Paths) removedApp(app string) string { return filepath.Join(p.Apps(), "."+app+".removed") }

// CheckMemory is the file that check remembers its findings in.
func (p Paths) CheckMemory() string { return filepath.Join(p.Var, "check.json") }

func (p Paths) operation(app string) string { return filepath.Join(p.App(app), "operation.json") }

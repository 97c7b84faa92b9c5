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

// ErrNotNext is returned for a release that its slot is not asked to run next,
// or not any more.
var ErrNotNext = errors.New("no longer asked for")

// FillSlot makes the slot run the release from its next start on.
func (p Paths) FillSlot(s sockets.Slot, number int) error {
	return p.link(p.Slot(s), s.App, number)
}

// EmptySlot takes the slot's release away: its socket no longer starts, and a
// service that is started for it all the same goes away at once.
func (p Paths) EmptySlot(s sockets.Slot) error { return p.change(p.Slot(s), removeFile) }

// SlotRelease is the release that the slot runs; false means the slot is empty.
func (p Paths) SlotRelease(s sockets.Slot) (Release, bool, error) {
	return p.linkedRelease(p.Slot(s))
}

// SetNext asks the slot's service to replace its release in place.
func (p Paths) SetNext(s sockets.Slot, number int) error {
	return p.link(p.SlotNext(s), s.App, number)
}

// NextRelease is the release a recreate wants in the slot, if one is under way.
func (p Paths) NextRelease(s sockets.Slot) (Release, bool, error) {
	return p.linkedRelease(p.SlotNext(s))
}

// IsNext tells whether the filled slot is asked to run this release next.
func (p Paths) IsNext(s sockets.Slot, number int) (bool, error) {
	if _, err := os.Lstat(p.Slot(s)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	target, err := os.Readlink(p.SlotNext(s))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return target == releaseTarget(s.App, number), err
}

// PromoteNext makes the next release the slot's own, if it is the one that has
// been proven healthy; ErrNotNext if a command asks for another by now, or for
// none. The caller holds the state lock.
func (p Paths) PromoteNext(s sockets.Slot, proven int) error {
	is, err := p.IsNext(s, proven)
	if err == nil && !is {
		err = ErrNotNext
	}
	if err != nil {
		return fmt.Errorf("promoting release %d of %s: %w", proven, s, err)
	}
	return p.change(p.Slot(s), func(link string) error {
		if err := os.Rename(p.SlotNext(s), link); err != nil {
			return fmt.Errorf("promoting the next release of %s: %w", s, err)
		}
		return syncDir(p.Slots())
	})
}

// DropNext forgets a recreate that did not succeed.
func (p Paths) DropNext(s sockets.Slot) error { return p.change(p.SlotNext(s), removeFile) }

// Reasons of a pause.
const (
	PauseAsked   = "pause"   // an operator's
	PauseAdopt   = "adopt"   // the adopted container still runs: do not start ours
	PauseRelease = "release" // the app is given back: stop ours
	PauseReplace = "replace" // the other slot's containers still run: ours takes their place
	PauseStandIn = "standin" // requests wait here while the other slot replaces its container
)

// Pause says until when a slot holds its requests back, and why.
type Pause struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`

	// Container is the id of one that must not run beside the slot's, and Others
	// are more. While one does the slot's are not started, even past Until.
	Container string   `json:"container,omitempty"`
	Others    []string `json:"others,omitempty"`
	// Forward lets what waits go to those containers instead: they run again, and
	// nginx is about to use them directly.
	Forward bool   `json:"forward,omitempty"`
	Port    uint16 `json:"port,omitempty"` // where those containers' app listens

	// WebsocketsUntil is when websockets are ended that keep the slot from coming
	// to rest; zero leaves them alone.
	WebsocketsUntil time.Time `json:"websockets_until,omitzero"`

	Stated stamp `json:"stated,omitzero"` // set by SetPause
}

// Bars are the ids of the containers that must not run beside the slot's.
func (p Pause) Bars() []string {
	if p.Container == "" {
		return nil
	}
	return append([]string{p.Container}, p.Others...)
}

// PauseFor is a pause while containers run that the slot's must not run beside.
func PauseFor(until time.Time, reason string, containers []string) Pause {
	p := Pause{Until: until, Reason: reason}
	if len(containers) > 0 {
		p.Container, p.Others = containers[0], containers[1:]
	}
	return p
}

// SetPause makes the slot's service hold requests until the deadline.
func (p Paths) SetPause(s sockets.Slot, pause Pause) error {
	pause.Stated = p.stamp()
	return p.change(p.SlotPause(s), func(path string) error { return WriteJSON(path, pause) })
}

// ReadPause is the slot's pause; false means it is not paused. One whose
// deadline has passed counts as none, but is returned all the same.
func (p Paths) ReadPause(s sockets.Slot) (Pause, bool, error) {
	var pause Pause
	err := readJSON(p.SlotPause(s), &pause)
	if errors.Is(err, fs.ErrNotExist) {
		return pause, false, nil
	}
	if err != nil {
		return pause, false, err
	}
	now := p.stamp()
	pause.Until, pause.WebsocketsUntil = pause.Stated.deadline(pause.Until, now), pause.Stated.deadline(pause.WebsocketsUntil, now)
	return pause, time.Now().Before(pause.Until), nil
}

// ClearPause lets requests through again.
func (p Paths) ClearPause(s sockets.Slot) error { return p.change(p.SlotPause(s), removeFile) }

func (p Paths) link(path, app string, number int) error {
	return p.change(path, func(path string) error { return writeLink(path, releaseTarget(app, number)) })
}

// releaseTarget is relative so that the tree can be moved or mounted elsewhere.
func releaseTarget(app string, number int) string {
	return filepath.Join("..", "apps", app, "releases", strconv.Itoa(number)+".json")
}

// linkTries is how often a link is looked at that names no release: it may have
// been removed between two looks. One whose record is lost stays so.
const linkTries = 10

func (p Paths) linkedRelease(link string) (r Release, ok bool, err error) {
	for range linkTries {
		if _, err := os.Lstat(link); errors.Is(err, fs.ErrNotExist) {
			return Release{}, false, nil
		}
		if r, err = readRelease(link); !errors.Is(err, ErrNoRelease) {
			break
		}
	}
	if err != nil {
		return r, false, fmt.Errorf("slot link %s: %w", link, err)
	}
	return r, true, nil
}

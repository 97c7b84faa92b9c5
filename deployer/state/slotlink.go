package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

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

// NextRelease is the release a stop-first swap wants in the slot, if one is under way.
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

// DropNext forgets the release of a stop-first swap that did not succeed.
func (p Paths) DropNext(s sockets.Slot) error { return p.change(p.SlotNext(s), removeFile) }

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

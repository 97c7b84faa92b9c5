package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadLive returns the slot that the live pointer names. The pointer is a
// symlink to the directory of that slot's sockets, and nginx connects through it.
// The second result is false when there is no pointer yet. A link that names no slot of
// ours is an error: somebody else wrote it.
func ReadLive(link string) (Slot, bool, error) {
	target, err := os.Readlink(link)
	if errors.Is(err, fs.ErrNotExist) {
		return Slot{}, false, nil
	}
	if err != nil {
		return Slot{}, false, fmt.Errorf("reading the live pointer: %w", err)
	}
	slot, err := ParseSlot(filepath.Base(target))
	if err != nil {
		return Slot{}, false, fmt.Errorf("live pointer %s: %w", link, err)
	}
	return slot, true, nil
}

// SwitchLive makes link point to the sockets of slot to below runDir, all of them
// in the same instant. It is one
// rename(2), so every connect(2) sees either the old or the new slot, and it
// has reached the disk when SwitchLive returns. Callers hold the app's state
// lock; a temporary link that a killed caller left behind is replaced.
func SwitchLive(link, runDir string, to Slot) error {
	temp := link + ".new"
	err := os.Remove(temp)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Symlink(to.SocketDir(runDir), temp)
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

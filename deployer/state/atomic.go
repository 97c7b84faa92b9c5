package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// WriteFile replaces path with data, whole or not at all, and survives a power
// cut once it has returned: the file and its directory are synced. The mode is
// that of a new file; one that is there keeps its own.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	return replace(path, data, -1, renameio.WithPermissions(mode), renameio.WithExistingPermissions(), renameio.IgnoreUmask())
}

// WriteFileAs is WriteFile for a file that has this mode and group, whatever is
// in its place. A group of -1 is that of this process.
func WriteFileAs(path string, data []byte, mode os.FileMode, group int) error {
	return replace(path, data, group, renameio.WithStaticPermissions(mode))
}

func replace(path string, data []byte, group int, permissions ...renameio.Option) error {
	// Told the directory, renameio does not try others out, which would leave
	// files behind if it is killed and wake whoever watches the directory.
	dir := filepath.Dir(path)
	t, err := renameio.NewPendingFile(path, append(permissions, renameio.WithTempDir(dir))...)
	if err == nil {
		defer t.Cleanup()
		err = t.Chown(-1, group)
	}
	if err == nil {
		_, err = t.Write(data)
	}
	if err == nil {
		err = t.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncDir(dir)
}

// WriteJSON stores v whole or not at all, readable by root only.
func WriteJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	return WriteFile(path, append(data, '\n'), 0o600)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// readRecord is readJSON for a file that may be absent, which is no error.
func readRecord[T any](path string) (v T, ok bool, err error) {
	err = readJSON(path, &v)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	return v, err == nil, err
}

// writeLink makes path a symlink to target in one rename.
func writeLink(path, target string) error {
	if err := renameio.Symlink(target, path); err != nil {
		return fmt.Errorf("linking %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// removeFile removes path and syncs its directory; an absent file is no error.
func removeFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}

// bootID tells this boot from every other, so that a record of a process from
// before a power cut is not mistaken for a live one.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

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
// cut once it has returned: the file and its directory are synced.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	// Told the directory, renameio does not try others out, which would leave
	// files behind if it is killed and wake whoever watches the directory.
	dir := renameio.WithTempDir(filepath.Dir(path))
	if err := renameio.WriteFile(path, data, mode, renameio.IgnoreUmask(), dir); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// WriteJSON stores v whole or not at all, readable by root only.
func WriteJSON(path string, v any) error { return writeJSON(path, v, 0o600) }

func writeJSON(path string, v any, mode os.FileMode) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	return WriteFile(path, append(data, '\n'), mode)
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

// BootID tells this boot from every other, so that a record of a process from
// before a power cut is not mistaken for a live one.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

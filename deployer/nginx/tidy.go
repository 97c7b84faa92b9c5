package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Tidy removes what a Replace of the file that was killed has left beside it. A
// file that is gone has nothing beside it.
func Tidy(ctx context.Context, path string) error {
	live, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidying up beside %s: %w", path, err)
	}
	dir, err := lockDir(ctx, filepath.Dir(live))
	if err != nil {
		return fmt.Errorf("tidying up beside %s: %w", live, err)
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), temporary(live), 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing a leftover %s: %w", temporary(live), err)
	}
	return nil
}

// temporary is the name of the file that is to take a file's place.
func temporary(path string) string { return "." + filepath.Base(path) + ".edgeman" }

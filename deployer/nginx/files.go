package nginx

import (
	"os"
	"path/filepath"
)

// OSFiles reads nginx's configuration from the real file system.
type OSFiles struct{}

// ReadFile reads a whole file.
func (OSFiles) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Glob lists what matches the pattern.
func (OSFiles) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// EvalSymlinks follows all symlinks of a path.
func (OSFiles) EvalSymlinks(path string) (string, error) { return filepath.EvalSymlinks(path) }

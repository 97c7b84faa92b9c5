package program

import (
	"os"
	"path/filepath"
)

// System is the part of the host that install writes to besides state.Paths.
// The zero System is the real one.
type System struct {
	Root       string                 // in front of every path of the system's
	Executable func() (string, error) // the running program
}

func (s System) executable() (string, error) {
	find := s.Executable
	if find == nil {
		find = os.Executable
	}
	path, err := find()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

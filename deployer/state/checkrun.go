package state

import (
	"path/filepath"
	"time"
)

// CheckRun is the last run of edgeman check that remembered what it found. It is
// what others read of check's memory; the rest of the file is check's own.
type CheckRun struct {
	LastRun time.Time `json:"last_run"`
	Exit    int       `json:"exit"`
}

// CheckMemory is the file that check remembers its findings in.
func (p Paths) CheckMemory() string { return filepath.Join(p.Var, "check.json") }

// LastCheck reads the last run; nil if there was none. It is an extra: what
// cannot be read is as good as none.
func (p Paths) LastCheck() *CheckRun {
	var run CheckRun
	if readJSON(p.CheckMemory(), &run) != nil || run.LastRun.IsZero() {
		return nil
	}
	return &run
}

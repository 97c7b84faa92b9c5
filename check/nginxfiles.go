package check

import (
	"io/fs"
	"syscall"
	"time"
)

// workersSince is since when the running workers have their configuration: the
// start of the oldest that takes connections, as a younger one may only replace
// one that crashed.
func (h *host) workersSince() (time.Time, bool) {
	for _, w := range h.nginx.Workers {
		if !w.Leaving {
			return w.Start, true
		}
	}
	return time.Time{}, false
}

// startSlack covers what is not exact in a process's start time: it is counted
// in clock ticks from a boot time in whole seconds.
const startSlack = 2 * time.Second

// lastChange gives the newest modification and status change of a file and of
// the link that leads to it.
func (h *host) lastChange(path string) (mod, changed time.Time, err error) {
	for _, stat := range []func(string) (fs.FileInfo, error){h.env.FS.Lstat, h.env.FS.Stat} {
		info, err := stat(path)
		if err != nil {
			return mod, changed, err
		}
		if t := info.ModTime(); t.After(mod) {
			mod = t
		}
		if t := changeTime(info); t.After(changed) {
			changed = t
		}
	}
	return mod, changed, nil
}

// changeTime is when the inode last changed; it falls back on the modification
// time where the file system does not say.
func changeTime(info interface {
	ModTime() time.Time
	Sys() any
},
) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return info.ModTime()
}

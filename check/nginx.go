package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"syscall"
	"time"

	"edgeman/deployer/nginx"
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

// startSlack covers what is not exact in a process's start time, which is counted
// in clock ticks, and in a file's, which the kernel takes from its last tick.
const startSlack = 200 * time.Millisecond

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
func changeTime(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return info.ModTime()
}

// testNginx runs nginx -t and takes away the empty pid file that it creates
// where there is none, since scripts that read it would fail. What else it
// creates stays: logs and cache directories are made with the owner that nginx
// gives them, and one that a reload has just opened looks no different.
func (h *host) testNginx() {
	_, before := h.env.FS.Lstat(h.nginx.PidFile)
	ctx, cancel := context.WithTimeout(h.ctx, testWait)
	defer cancel()
	warnings, err := h.env.Nginx.Test(ctx)
	if errors.Is(before, fs.ErrNotExist) {
		h.removeEmpty(h.nginx.PidFile)
	}
	var refused *nginx.ConfigError
	switch {
	case errors.As(err, &refused) && readOnly(refused):
		// nginx opens its pid file and logs after it has found the rest to be right.
	case errors.As(err, &refused):
		h.refused = refused
	case err != nil:
		h.blindTo("nginx", "nginx -t", fmt.Sprintf("nginx -t cannot be run: %v", err), "")
		return
	}
	h.warnings, h.has[needTest] = warnings, true
}

// readOnly reports whether the test failed on nothing but a file system that is
// read-only for us: the syntax was found to be right before that.
func readOnly(refused *nginx.ConfigError) bool {
	return strings.Contains(refused.Text, "Read-only file system") && strings.Contains(refused.Output, "syntax is ok")
}

// removeEmpty removes an empty file; anything else has an owner by now.
func (h *host) removeEmpty(path string) {
	info, err := h.env.FS.Lstat(path)
	if err != nil || h.env.Remove == nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return
	}
	_ = h.env.Remove(path)
}

// logLine is a line of nginx's error log: local time, level, text.
var logLine = regexp.MustCompile(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[emerg\] \d+#\d+: (.*)$`)

// tailSize is how much of the end of nginx's error log is looked at.
const tailSize = 256 << 10

// emergencyAfter is the last emergency in the main error log that is younger
// than t, or "".
func (h *host) emergencyAfter(t time.Time) string {
	path := h.env.ErrorLog
	if d := h.root.Last("error_log"); d != nil {
		path = d.Arg(0)
	}
	if path == "" || path == "stderr" || strings.Contains(path, ":") || h.env.Tail == nil {
		return ""
	}
	data, err := h.env.Tail(under(h.env.Prefix, path), tailSize)
	if err != nil {
		return ""
	}
	last := ""
	for line := range strings.Lines(string(data)) {
		m := logLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		at, err := time.ParseInLocation("2006/01/02 15:04:05", m[1], time.Local)
		if err == nil && !at.Before(t.Truncate(time.Second)) {
			last = m[2]
		}
	}
	return last
}

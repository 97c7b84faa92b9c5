package check

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// logLine is a line of nginx's error log: local time, level, text.
var logLine = regexp.MustCompile(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[emerg\] \d+#\d+: (.*)$`)

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
	data, err := h.env.Tail(h.prefixed(path), tailSize)
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

// tailSize is how much of the end of nginx's error log is looked at.
const tailSize = 256 << 10

// prefixed resolves a path as nginx does for logs, caches and the pid file.
func (h *host) prefixed(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(h.env.Prefix, p)
}

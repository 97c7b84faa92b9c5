package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"edgeman/deployer/nginx"
)

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

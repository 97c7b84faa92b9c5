package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"edgeman/deployer/nginx"
)

// testNginx runs nginx -t and takes away what it leaves behind: it creates log
// files, cache directories and an empty pid file where there are none, and an
// empty pid file keeps "nginx -s reload" from working.
func (h *host) testNginx() {
	absent := h.absentFiles()
	ctx, cancel := context.WithTimeout(h.ctx, testWait)
	defer cancel()
	warnings, err := h.env.Nginx.Test(ctx)
	for _, p := range absent {
		h.removeEmpty(p)
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

// createdByTest are the directives whose file nginx creates when it tests.
var createdByTest = []string{
	"access_log", "error_log", "pid", "client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path",
	"uwsgi_temp_path", "scgi_temp_path", "proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path",
}

// absentFiles lists what the test may create and what is not there now.
func (h *host) absentFiles() []string {
	paths := []string{h.nginx.PidFile}
	if h.root != nil {
		for _, d := range find(h.root, createdByTest...) {
			p := d.Arg(0)
			if p == "" || p == "off" || p == "stderr" || strings.ContainsAny(p, "$:") {
				continue
			}
			paths = append(paths, h.prefixed(p))
		}
	}
	var out []string
	for _, p := range paths {
		if _, err := h.env.FS.Lstat(p); p != "" && errors.Is(err, fs.ErrNotExist) {
			out = append(out, p)
		}
	}
	return out
}

// removeEmpty removes a file or directory that is empty; anything else has an
// owner by now.
func (h *host) removeEmpty(path string) {
	info, err := h.env.FS.Lstat(path)
	if err != nil || h.env.Remove == nil || info.Mode().IsRegular() && info.Size() > 0 {
		return
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return
	}
	_ = h.env.Remove(path) // a directory with something in it refuses to go, as it should
}

// prefixed resolves a path as nginx does for logs, caches and the pid file.
func (h *host) prefixed(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(h.env.Prefix, p)
}

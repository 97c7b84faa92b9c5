package nginx

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An nginx that hangs, in a look-up of a name for example, is ended at the
// deadline, with whatever it started, and the error says what was asked.
func TestHungNginx(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "nginx")
	must(t, os.WriteFile(binary, []byte("#!/bin/sh\nsleep 120\n"), 0o755))
	s := &Server{Binary: binary, Prefix: "/", Main: "/dev/null", PidFile: "/dev/null"}
	for what, call := range map[string]func(context.Context) error{
		"nginx -t did not end in time": func(ctx context.Context) error { _, err := s.Test(ctx); return err },
		"nginx -V did not end in time": func(ctx context.Context) error { _, err := readBuild(ctx, binary); return err },
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := call(ctx)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("came back after %s", took)
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), what) {
				t.Errorf("error %v, want %q", err, what)
			}
		})
	}
}

// Whoever else holds a lock on the directory is waited for, but not for ever.
func TestHungLock(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site")
	must(t, os.WriteFile(path, []byte("old"), 0o644))
	held, err := lockDir(t.Context(), dir)
	must(t, err)
	defer held.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = Replace(ctx, path, sha256.Sum256([]byte("old")), []byte("new"))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "locking "+dir+": another process holds a lock on it") {
		t.Errorf("error %v", err)
	}
}

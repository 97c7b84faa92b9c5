package docker

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/poll"
)

// hungDaemon accepts connections and never answers.
func hungDaemon(t *testing.T) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return &Client{host: "unix://" + path}
}

// A daemon that hangs ends no command's life: every call comes back at its
// deadline and says what was asked.
func TestHungDaemon(t *testing.T) {
	c := hungDaemon(t)
	for what, call := range map[string]func(context.Context) error{
		"inspect myapp":   func(ctx context.Context) error { _, err := c.Inspect(ctx, "myapp"); return err },
		"list containers": func(ctx context.Context) error { _, err := c.List(ctx, nil, true); return err },
		"start myapp":     func(ctx context.Context) error { return c.Start(ctx, "myapp") },
		"stop myapp":      func(ctx context.Context) error { return c.Stop(ctx, "myapp") },
		"remove myapp":    func(ctx context.Context) error { return c.Remove(ctx, "myapp") },
		"myapp:v1":        func(ctx context.Context) error { _, err := c.Image(ctx, "myapp:v1"); return err },
		"pull myapp:v1":   func(ctx context.Context) error { return c.Pull(ctx, "myapp:v1", nil) },
		"sha256:":         func(ctx context.Context) error { return second(c.RemoveImage(ctx, "sha256:"+strings.Repeat("0", 64))) },
		"wait":            func(ctx context.Context) error { _, err := c.Wait(ctx, "myapp"); return err },
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			err := call(ctx)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("came back after %s", took)
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "no answer in time") {
				t.Errorf("error %v, want %q and that there was no answer", err, what)
			}
		})
	}
}

// What is asked without a deadline gets one.
func TestBounded(t *testing.T) {
	ctx, cancel := poll.Bounded(context.Background(), callTimeout)
	defer cancel()
	if d, ok := ctx.Deadline(); !ok || time.Until(d) > callTimeout {
		t.Errorf("deadline %v, %v", d, ok)
	}
}

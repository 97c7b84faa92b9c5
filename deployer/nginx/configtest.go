package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"edgeman/deployer/poll"
)

// ErrAlreadyBroken means that the configuration on disk was invalid before
// anything of ours touched it.
var ErrAlreadyBroken = errors.New("the nginx configuration on disk is already broken")

// Test runs "nginx -t" on the configuration on disk. The messages are
// warnings of a valid configuration. The error is a *ConfigError when nginx
// refuses it; anything else means that no verdict was reached.
//
// nginx opens and creates log files and creates cache directories even in a
// test; an empty pid file that it creates is removed again.
func (s *Server) Test(ctx context.Context) ([]Message, error) {
	ctx, cancel := poll.Bounded(ctx, testLimit)
	defer cancel()
	tidyUp := removeIfMade(s.PidFile)
	cmd := s.command(ctx, "-t")
	var out capped
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	tidyUp()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("testing the nginx configuration: %w", unanswered(ctx, s.Binary+" -t", context.Cause(ctx)))
	}
	messages := parseMessages(out.String())
	if err == nil {
		return messages, nil
	}
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		return nil, fmt.Errorf("testing the nginx configuration: %w", err)
	}
	return nil, refusal(messages, out.String())
}

// Precheck is Test before the first change: a refusal is also
// ErrAlreadyBroken.
func (s *Server) Precheck(ctx context.Context) ([]Message, error) {
	warnings, err := s.Test(ctx)
	if refused := new(ConfigError); errors.As(err, &refused) {
		return nil, fmt.Errorf("%w: %w", ErrAlreadyBroken, err)
	}
	return warnings, err
}

// testLimit bounds a test: nginx looks up every host name of the configuration.
const testLimit = time.Minute

// removeIfMade returns a function that removes the pid file if nginx -t made
// it: it creates an empty one where none exists (ngx_create_pidfile), and an
// empty pid file keeps "nginx -s" and init scripts from working.
func removeIfMade(path string) func() {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return func() {}
	}
	return func() {
		if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			_ = os.Remove(path) // best effort: a test's verdict does not depend on it
		}
	}
}

// capped keeps the first 64 KiB written to it: a configuration can produce a
// warning for each of its lines.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	const limit = 64 << 10
	if room := limit - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

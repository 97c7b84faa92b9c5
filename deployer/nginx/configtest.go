package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

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

// errNoNamespace means that this process may not make a private mount
// namespace, so a candidate cannot be tested without touching live files.
var errNoNamespace = errors.New("no private mount namespace can be made here")

// TestCandidate runs "nginx -t" on the configuration as it would be with the
// given contents in place of existing files, which stay as they are. Paths
// may be symlinks; their targets are what is replaced. The candidates are
// bind-mounted over the originals in a mount namespace that nobody else sees;
// the network is the host's, as a private one gives wrong verdicts on listen
// addresses and names. Results and side effects are those of Test, and
// positions name the live paths.
func (s *Server) TestCandidate(ctx context.Context, files map[string][]byte) ([]Message, error) {
	dir, err := os.MkdirTemp("", ".edgeman-candidate-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the candidate: %w", err)
	}
	defer os.RemoveAll(dir)
	binds, err := writeCandidates(dir, files)
	if err != nil {
		return nil, err
	}
	var warnings []Message
	err = onOwnThread(func() error {
		err := bindPrivately(binds)
		if err != nil {
			return err
		}
		os.RemoveAll(dir) // the binds keep the content: a kill from here on leaves nothing behind
		warnings, err = s.Test(ctx)
		return err
	})
	return warnings, err
}

// writeCandidates stores each content in dir and returns live path → stored
// path. Live paths are resolved, so each stands for one file.
func writeCandidates(dir string, files map[string][]byte) (map[string]string, error) {
	binds := make(map[string]string, len(files))
	for path, content := range files {
		live, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("placing a candidate: %w", err)
		}
		if st, err := os.Stat(live); err != nil || !st.Mode().IsRegular() {
			return nil, fmt.Errorf("placing a candidate for %s: not a regular file", live)
		}
		if binds[live] != "" {
			return nil, fmt.Errorf("placing a candidate for %s: named twice", live)
		}
		stored := filepath.Join(dir, strconv.Itoa(len(binds)))
		if err := os.WriteFile(stored, content, 0o600); err != nil {
			return nil, fmt.Errorf("placing a candidate: %w", err)
		}
		binds[live] = stored
	}
	return binds, nil
}

// bindPrivately gives the calling thread a mount namespace of its own and
// puts the candidates in place there. Making every mount private first keeps
// the binds from propagating back to the host.
func bindPrivately(binds map[string]string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	for live, stored := range binds {
		if err := unix.Mount(stored, live, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%w: binding a candidate over %s: %w", errNoNamespace, live, err)
		}
	}
	return nil
}

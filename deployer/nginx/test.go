package nginx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"edgeman/deployer/poll"
)

// ErrAlreadyBroken means that the configuration on disk was invalid before
// anything of ours touched it.
var ErrAlreadyBroken = errors.New("the nginx configuration on disk is already broken")

// Message is one line of nginx's own about the configuration.
type Message struct {
	Level string // "emerg", "alert", "crit", "error", "warn" or "notice"
	Text  string
	File  string // path as nginx opened it; empty when the line names none
	Line  int
}

func (m Message) String() string {
	if m.File == "" {
		return m.Text
	}
	return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text)
}

// ConfigError is nginx's refusal of a configuration.
type ConfigError struct {
	Message
	Resolved string // File with symlinks followed; empty when File is
	Output   string // everything that nginx printed
}

func (e *ConfigError) Error() string { return "nginx: " + e.Message.String() }

// Test runs "nginx -t" on the configuration on disk. The messages are
// warnings of a valid configuration. The error is a *ConfigError when nginx
// refuses it; anything else means that no verdict was reached.
//
// nginx opens and creates log files and creates cache directories even in a
// test; an empty pid file that it creates is removed again.
func (s *Server) Test(ctx context.Context) ([]Message, error) {
	return s.test(ctx)
}

// Precheck is Test before the first change: a refusal is also
// ErrAlreadyBroken.
func (s *Server) Precheck(ctx context.Context) ([]Message, error) {
	warnings, err := s.test(ctx)
	if refused := new(ConfigError); errors.As(err, &refused) {
		return nil, fmt.Errorf("%w: %w", ErrAlreadyBroken, err)
	}
	return warnings, err
}

// testLimit bounds a test: nginx looks up every host name of the configuration.
const testLimit = time.Minute

func (s *Server) test(ctx context.Context) ([]Message, error) {
	ctx, cancel := poll.Bounded(ctx, testLimit)
	defer cancel()
	tidy := keepAbsent(s.PidFile)
	cmd := s.command(ctx, "-t")
	var out capped
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	tidy()
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

// refusal picks the message that stopped nginx: it stops at the first one
// graver than a warning.
func refusal(messages []Message, output string) *ConfigError {
	e := &ConfigError{Message: Message{Level: "emerg", Text: "nginx -t refused the configuration and did not say why"}, Output: output}
	for _, m := range messages {
		if m.Level == "warn" || m.Level == "notice" || m.Level == "info" {
			continue
		}
		e.Message, e.Resolved = m, resolve(m.File)
		break
	}
	return e
}

// resolve follows symlinks; a path that leads nowhere gives none.
func resolve(path string) string {
	if path == "" {
		return ""
	}
	r, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return r
}

// keepAbsent returns a function that removes the pid file if nginx -t made
// it: it creates an empty one where none exists (ngx_create_pidfile), and an
// empty pid file keeps "nginx -s" and init scripts from working.
func keepAbsent(path string) func() {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return func() {}
	}
	return func() {
		if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			_ = os.Remove(path) // best effort: a test's verdict does not depend on it
		}
	}
}

var (
	// nginx writes "nginx: [emerg] text" to a terminal and
	// "date time [emerg] pid#tid: *connection text" to a log, stderr included.
	messageLine = regexp.MustCompile(`^(?:nginx: \[(\w+)\] |\S+ \S+ \[(\w+)\] \d+#\d+: )(.*)$`)
	position    = regexp.MustCompile(`^(.*) in (/.*):(\d+)$`)
)

func parseMessages(output string) []Message {
	var all []Message
	for line := range strings.Lines(output) {
		if m, ok := parseMessage(strings.TrimRight(line, "\r\n")); ok {
			all = append(all, m)
		}
	}
	return all
}

func parseMessage(line string) (Message, bool) {
	parts := messageLine.FindStringSubmatch(line)
	if parts == nil {
		return Message{}, false
	}
	m := Message{Level: parts[1] + parts[2], Text: parts[3]}
	if at := position.FindStringSubmatch(m.Text); at != nil {
		m.Text, m.File = at[1], at[2]
		m.Line, _ = strconv.Atoi(at[3])
	}
	return m, true
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

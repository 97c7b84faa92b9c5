package nginx

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tails reads what a master appends to its error logs from now on.
type tails struct {
	files []*tail
	mark  string // "123#", which its lines carry before the thread id
}

type tail struct {
	file *os.File
	part []byte // a line that is not whole yet
}

// openTails opens the logs that exist and are regular files, each once, at
// their end. The open descriptor outlives a rotation, as nginx's own does.
func openTails(paths []string, master int) tails {
	t := tails{mark: fmt.Sprintf("%d#", master)}
	var seen []os.FileInfo
	for _, path := range paths {
		st, err := os.Stat(path)
		known := func(s os.FileInfo) bool { return os.SameFile(s, st) }
		if err != nil || !st.Mode().IsRegular() || slices.ContainsFunc(seen, known) {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			f.Close()
			continue
		}
		seen = append(seen, st)
		t.files = append(t.files, &tail{file: f})
	}
	return t
}

func (t tails) close() {
	for _, f := range t.files {
		f.file.Close()
	}
}

// read returns the master's own new complaints; those of workers about
// requests are left out.
func (t tails) read() []Message {
	var all []Message
	for _, f := range t.files {
		for _, line := range f.lines() {
			_, rest, _ := strings.Cut(line, "] ")
			if !strings.HasPrefix(rest, t.mark) {
				continue
			}
			if m, ok := parseMessage(line); ok && slices.Contains([]string{"emerg", "alert", "crit"}, m.Level) {
				all = append(all, m)
			}
		}
	}
	return all
}

// lines returns the whole lines that were added, at most 1 MiB in one go so
// that a busy log cannot hold up a reload.
func (t *tail) lines() []string {
	added, _ := io.ReadAll(io.LimitReader(t.file, 1<<20)) // a log that cannot be read says nothing
	t.part = append(t.part, added...)
	end := bytes.LastIndexByte(t.part, '\n')
	if end < 0 {
		return nil
	}
	whole := string(t.part[:end])
	t.part = bytes.Clone(t.part[end+1:])
	return strings.Split(whole, "\n")
}

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
	Output string // everything that nginx printed
}

func (e *ConfigError) Error() string { return "nginx: " + e.Message.String() }

// refusal picks the message that stopped nginx: it stops at the first one
// graver than a warning.
func refusal(messages []Message, output string) *ConfigError {
	e := &ConfigError{Message: Message{Level: "emerg", Text: "nginx -t refused the configuration and did not say why"}, Output: output}
	grave := func(m Message) bool { return !slices.Contains([]string{"warn", "notice", "info"}, m.Level) }
	if i := slices.IndexFunc(messages, grave); i >= 0 {
		e.Message = messages[i]
	}
	return e
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

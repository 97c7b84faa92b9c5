package nginx

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

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
	for _, m := range messages {
		if m.Level == "warn" || m.Level == "notice" || m.Level == "info" {
			continue
		}
		e.Message = m
		break
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

package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// ignoreMark stands in a comment above a directive: # edgeman: ignore CODE reason
const ignoreMark = "edgeman: ignore "

// ignore silences one code for one subject, for a reason, until a day.
type ignore struct {
	Code    string         `toml:"code"`
	Subject string         `toml:"subject"` // empty: every subject
	Reason  string         `toml:"reason"`
	Until   toml.LocalDate `toml:"until"` // zero: for ever
}

// ignoredBecause is the reason for which the operator does not want to hear of
// f, or "". Blind spots cannot be ignored away by a comment in a site file.
func (h *host) ignoredBecause(f Finding) string {
	for _, i := range h.opt.Settings.Ignore {
		if i.Code == f.Code && (i.Subject == "" || i.Subject == f.Subject.Name) && !h.ranOut(i) {
			return i.Reason
		}
	}
	if f.Code == codeBlind {
		return ""
	}
	for _, p := range f.At {
		if reason := h.inlineIgnore(f.Code, p); reason != "" {
			return reason
		}
	}
	return ""
}

func (h *host) ranOut(i ignore) bool {
	u := i.until()
	return !u.IsZero() && !h.now.Before(u)
}

// inlineIgnore looks at the comment lines directly above p.
func (h *host) inlineIgnore(code string, p Position) string {
	if p.Line == 0 {
		return ""
	}
	lines := h.lines(p.File)
	for n := p.Line - 2; n >= 0 && n < len(lines); n-- {
		text, isComment := strings.CutPrefix(strings.TrimSpace(lines[n]), "#")
		if !isComment {
			return ""
		}
		rest, ok := strings.CutPrefix(strings.TrimSpace(text), ignoreMark)
		if !ok {
			continue
		}
		c, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if c == code && strings.TrimSpace(reason) != "" {
			return clean(reason)
		}
	}
	return ""
}

// lines is the text of a configuration file, read once.
func (h *host) lines(file string) []string {
	if _, ok := h.text[file]; !ok {
		data, _ := h.env.FS.ReadFile(file)
		h.text[file] = strings.Split(string(data), "\n")
	}
	return h.text[file]
}

var ruleIgnoreExpired = Rule{
	Code: "ignore-expired", Title: "an ignore entry has expired", Worst: Notice,
	What: "The `until` date of an `ignore` entry in edgeman.toml has passed, so it no longer silences anything.",
	Why:  "A temporary exception should not become permanent unnoticed.",
	Fix:  "Delete the entry, or give it a new date and a reason that is still true.",
	look: ignoresRunOut,
}

func ignoresRunOut(h *host, report func(Finding)) {
	for _, i := range h.opt.Settings.Ignore {
		if !h.ranOut(i) {
			continue
		}
		subject := i.Subject
		if subject == "" {
			subject = "every subject"
		}
		report(Finding{
			Severity: Notice, Subject: Subject{"ignore", i.Code + " " + subject},
			Message: fmt.Sprintf("the ignore entry for %s (%s) expired on %s", i.Code, subject, i.Until),
			Hint:    "delete it from edgeman.toml, or give it a new date",
		})
	}
}

// until is the first moment at which the entry no longer holds.
func (i ignore) until() time.Time {
	if i.Until == (toml.LocalDate{}) {
		return time.Time{}
	}
	return i.Until.AsTime(time.UTC).AddDate(0, 0, 1)
}

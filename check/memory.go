package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/state"
)

// How often a finding that is already known is said again.
const (
	repeatCritical = 24 * time.Hour
	repeatWarning  = 7 * 24 * time.Hour
	// repeatSlack lets a timer with a random delay still count as daily.
	repeatSlack = time.Hour
)

// Memory is what earlier runs saw, so that a known warning is mailed weekly and
// not hourly. It is an aid: without it everything is said every time.
type Memory struct {
	state.CheckRun
	Summary Summary         `json:"summary"`
	Seen    map[string]seen `json:"seen"`
}

// seen is one finding that is still open.
type seen struct {
	Severity Severity  `json:"severity"`
	First    time.Time `json:"first"`
	Said     time.Time `json:"said,omitzero"`
}

// ReadMemory loads the memory at path; nil if there is none yet. One that
// cannot be read is as good as none.
func ReadMemory(fsys FS, path string) (*Memory, error) {
	data, err := fsys.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what earlier runs saw: %w", err)
	}
	var m Memory
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading what earlier runs saw: %s: %w", path, err)
	}
	return &m, nil
}

func (m *Memory) firstSeen(f Finding, now time.Time) time.Time {
	if s, ok := m.open()[f.key()]; ok {
		return s.First
	}
	return now
}

// open are the findings that earlier runs saw; m may be nil.
func (m *Memory) open() map[string]seen {
	if m == nil {
		return nil
	}
	return m.Seen
}

// Next is the memory after r, and r reduced to what is worth saying now: what
// is new or louder than before, criticals once a day, warnings once a week, and
// what has gone away, once. Its exit code is about what it says: a timer mails
// when it is not 0, and would mail what is known every hour. What is left out is
// counted in Known, so that no news does not read like health.
func (m *Memory) Next(r Report, on FailOn) (*Memory, Report) {
	next := &Memory{CheckRun: state.CheckRun{LastRun: r.Started, Exit: r.Exit}, Summary: r.Summary, Seen: map[string]seen{}}
	said := r
	said.Findings, said.Summary = nil, Summary{Ignored: r.Summary.Ignored}
	for _, f := range r.Findings {
		s := seen{Severity: f.Severity, First: f.FirstSeen}
		old, known := m.open()[f.key()]
		s.Said = old.Said
		if !known || f.Severity > old.Severity || reminderDue(f.Severity, old.Said, r.Started) {
			s.Said = r.Started
			said.Findings = append(said.Findings, f)
			said.Summary.count(f.Severity)
		} else if f.Severity > Notice {
			said.Known = said.Known.with(f)
		}
		next.Seen[f.key()] = s
	}
	m.keepUnasked(next, r.Lint)
	said.Recovered = m.recovered(next)
	said.Exit = exitCode(said.Findings, on)
	return next, said
}

// known are the problems that stand and were left out because they have been
// said before.
type known struct {
	Summary
	Since time.Time `json:"since"` // when the first of them was seen
}

// with is k and one finding more; k may be nil.
func (k *known) with(f Finding) *known {
	if k == nil {
		k = &known{Since: f.FirstSeen}
	}
	k.count(f.Severity)
	if f.FirstSeen.Before(k.Since) {
		k.Since = f.FirstSeen
	}
	return k
}

// keepUnasked leaves what only --lint looks for as it was, in a run without.
func (m *Memory) keepUnasked(next *Memory, lint bool) {
	for key, s := range m.open() {
		code, _, _ := strings.Cut(key, " ")
		if rule, _ := Explain(code); rule.Lint && !lint {
			next.Seen[key] = s
		}
	}
}

// recovered lists what the memory holds and next does not, notices left out.
func (m *Memory) recovered(next *Memory) []string {
	var out []string
	for key, s := range m.open() {
		if _, still := next.Seen[key]; !still && s.Severity > Notice && !s.Said.IsZero() {
			out = append(out, strings.Replace(key, " ", ": ", 1))
		}
	}
	slices.Sort(out)
	return out
}

func reminderDue(s Severity, said, now time.Time) bool {
	every := repeatWarning
	if s == Critical {
		every = repeatCritical
	}
	return now.Sub(said) >= every-repeatSlack
}

// String counts them, and says since when.
func (k known) String() string {
	return strings.ReplaceAll(k.problems(), ", ", " and ") + " known since " + stamp(k.Since)
}

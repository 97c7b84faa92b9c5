package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Subject is what a finding is about.
type Subject struct {
	Kind string `json:"kind"` // certificate, server, lineage, unit, container, file, app, host
	Name string `json:"name"`
}

// Position is a line of a configuration file; line 0 means the whole file.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

// String is file:line, as nginx writes it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// fact is one piece of evidence: a fingerprint, a date (ISO 8601, UTC), a diff.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one thing that is wrong, or that could not be looked at.
type Finding struct {
	Code      string     `json:"code"`
	Severity  Severity   `json:"severity"`
	Subject   Subject    `json:"subject"`
	Sites     []string   `json:"sites,omitempty"`
	Message   string     `json:"message"`        // one sentence, with the numbers
	Hint      string     `json:"hint,omitempty"` // the exact command or edit
	At        []Position `json:"at,omitempty"`
	Evidence  []fact     `json:"evidence,omitempty"`
	FirstSeen time.Time  `json:"first_seen,omitzero"`
	Ignored   string     `json:"ignored,omitempty"` // the reason given for ignoring it
}

// key tells a finding from every other, across runs: the message may change
// with the numbers in it, this does not.
func (f Finding) key() string {
	return f.Code + " " + f.Subject.Kind + " " + f.Subject.Name
}

// site is the heading that the finding is printed under.
func (f Finding) site() string {
	if len(f.Sites) == 0 {
		return "host"
	}
	return f.Sites[0]
}

// sortFindings puts the worst first, and is stable across runs.
func sortFindings(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			-cmp.Compare(a.Severity, b.Severity),
			strings.Compare(a.site(), b.site()),
			strings.Compare(a.Code, b.Code),
			strings.Compare(a.Subject.Name, b.Subject.Name),
		)
	})
}

// blockFinding makes a finding about directive d; its subject is the place.
func blockFinding(d *node, s Severity, message, hint string) Finding {
	f := Finding{Severity: s, Subject: Subject{"file", position(d).String()}, At: []Position{position(d)}, Message: message, Hint: hint}
	if b := d.Within("server"); b != nil {
		f.Sites = newServer(b, false).sites()
	}
	return f
}

var nginxSubject = Subject{"nginx", "nginx"}

const reloadHint = "nginx -t && systemctl reload nginx"

// dockerHint is the only thing that helps when Docker does not answer.
const dockerHint = "systemctl status docker"

func positions(paths []string) []Position {
	var out []Position
	for _, p := range paths {
		out = append(out, Position{File: p})
	}
	return out
}

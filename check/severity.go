package check

import "fmt"

// Severity says how loud a finding is.
type Severity int

// Severities, in rising order of rank. Unknown is no judgement: something could
// not be looked at. It must neither look like health nor hide a critical.
const (
	Notice Severity = iota + 1
	Warning
	Unknown
	Critical
)

var severityNames = map[Severity]string{
	Notice: "notice", Warning: "warning", Unknown: "unknown", Critical: "critical",
}

// String is the name used in JSON, metrics and settings.
func (s Severity) String() string { return severityNames[s] }

// mark is the name in front of a finding in text for people.
func (s Severity) mark() string {
	return map[Severity]string{Notice: "note", Warning: "WARN", Unknown: "????", Critical: "CRIT"}[s]
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Severity) UnmarshalText(b []byte) error {
	for v, name := range severityNames {
		if name == string(b) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", b)
}

// Exit codes of a run. They are those of Nagios plugins, so that one program
// serves cron, CI and monitoring.
const (
	ExitOK       = 0
	ExitWarning  = 1
	ExitCritical = 2
	ExitUnknown  = 3
)

// FailOn is the least severity that makes a run fail.
type FailOn int

// What --fail-on and --strict choose from.
const (
	FailOnWarning FailOn = iota
	FailOnNotice
	FailOnCritical
	FailOnNever
)

// ParseFailOn reads the value of --fail-on.
func ParseFailOn(s string) (FailOn, error) {
	names := map[string]FailOn{"": FailOnWarning, "warning": FailOnWarning, "notice": FailOnNotice, "critical": FailOnCritical, "never": FailOnNever}
	on, ok := names[s]
	if !ok {
		return 0, fmt.Errorf("%q is none of critical, warning, notice, never", s)
	}
	return on, nil
}

// exitCode is the worst of the findings as an exit code. A blind spot does not
// hide a critical, and does not pass for health whatever the run fails on.
func exitCode(findings []Finding, on FailOn) int {
	least := map[FailOn]Severity{FailOnWarning: Warning, FailOnNotice: Notice, FailOnCritical: Unknown}
	switch s := worst(findings); {
	case on == FailOnNever || s < least[on]:
		return ExitOK
	case s == Critical:
		return ExitCritical
	case s == Unknown:
		return ExitUnknown
	}
	return ExitWarning
}

// worst is the loudest severity among the findings; 0 if there are none.
func worst(findings []Finding) Severity {
	var w Severity
	for _, f := range findings {
		w = max(w, f.Severity)
	}
	return w
}

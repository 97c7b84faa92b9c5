package check

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// referenceHead is what docs/check.md says before the codes.
//
//go:embed reference_head.md
var referenceHead string

// markdown is the reference of codes in docs/check.md. A test keeps the file
// equal to it, so that no code is without a page.
func markdown() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("\n| code | at worst | finds |\n|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s%s | %s |\n", r.Code, r.Code, r.Worst, r.optIn(), r.Title)
	}
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n### %s\n\n%s. At worst %s.%s\n\n%s\n\n**Why it matters.** %s\n\n**How to fix it.** %s\n",
			r.Code, capital(r.Title), r.Worst, r.bounds(), r.What, r.Why, r.Fix)
	}
	return b.String()
}

// optIn marks what is looked for on demand.
func (r Rule) optIn() string {
	if r.Lint {
		return " (lint)"
	}
	return ""
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// bounds says for which nginx versions a rule holds, and when it waits.
func (r Rule) bounds() string {
	s := ""
	if r.Lint {
		s += " Looked for with `--lint` only."
	}
	if r.Since.Known() {
		s += fmt.Sprintf(" For nginx %s and newer.", r.Since)
	}
	if r.Until.Known() {
		s += fmt.Sprintf(" For nginx before %s.", r.Until)
	}
	if r.Twice {
		s += " Reported only when a second look, three seconds later, finds it again."
	}
	if len(r.After) > 0 {
		s += " Silent while " + strings.Join(r.After, ", ") + " is reported."
	}
	return s
}

// WriteExplain prints a rule's page.
func WriteExplain(w io.Writer, r Rule) error {
	_, err := fmt.Fprintf(w, "%s (%s%s): %s\n\nWhat  %s\n\nWhy   %s\n\nFix   %s\n", r.Code, r.Worst, r.optIn(), r.Title, r.What, r.Why, r.Fix)
	return err
}

// WriteCodes lists every code with its title.
func WriteCodes(w io.Writer) error {
	for _, r := range Rules() {
		if _, err := fmt.Fprintf(w, "%-26s %-9s %s%s\n", r.Code, r.Worst, r.Title, r.optIn()); err != nil {
			return err
		}
	}
	return nil
}

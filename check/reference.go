package check

import (
	_ "embed"
	"fmt"
	"io"
	"regexp"
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
		fmt.Fprintf(&b, "\n### %s\n", r.Code)
		first := fmt.Sprintf("%s. At worst %s.%s", strings.ToUpper(r.Title[:1])+r.Title[1:], r.Worst, r.bounds())
		for _, text := range []string{first, r.What, "**Why it matters.** " + r.Why, "**How to fix it.** " + r.Fix} {
			b.WriteString("\n" + wrap(text, 110, "") + "\n")
		}
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

// phrase is a word, or words of code, which stay in one line to be copied.
var phrase = regexp.MustCompile("(?:`[^`]*`|[^\\s`])+")

// wrap breaks text into lines of about that many characters; all but the first
// begin with indent.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	room := width
	for i, word := range phrase.FindAllString(text, -1) {
		if room -= len(word) + 1; room < 0 {
			b.WriteString("\n" + indent)
			room = width - len(word)
		} else if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// bounds says for which nginx versions a rule holds, and when it waits.
func (r Rule) bounds() string {
	s := ""
	if r.Lint {
		s += " Looked for with `--lint` only."
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
	page := func(text string) string { return wrap(text, 74, "      ") }
	_, err := fmt.Fprintf(w, "%s (%s%s): %s\n\nWhat  %s\n\nWhy   %s\n\nFix   %s\n",
		r.Code, r.Worst, r.optIn(), r.Title, page(r.What), page(r.Why), page(r.Fix))
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

package check

import (
	_ "embed"
	"fmt"
	"strings"
)

// referenceHead is what docs/check.md says before the codes.
//
//go:embed testdata/reference_head.md
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

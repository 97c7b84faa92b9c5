package check

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteHuman prints the report for a person: by site, the worst site first, and
// a last line that says how much was looked at. With colour the marks are
// coloured; nothing depends on it.
func WriteHuman(w io.Writer, r Report, colour bool) error {
	var b strings.Builder
	for i, g := range bySite(r.Findings) {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", clean(g.site))
		for _, f := range g.findings {
			writeFinding(&b, f, "  ", colour)
		}
	}
	writeRecovered(&b, r)
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s; checked %s in %.1f s\n", r.outcome(), r.Checked, r.Duration)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteQuiet prints for cron: nothing at all when there is nothing to do, else
// a line that can be a mail's subject, and the findings. Notices are left out.
func WriteQuiet(w io.Writer, r Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Severity > Notice {
			writeFinding(&b, f, "", false)
		}
	}
	writeRecovered(&b, r)
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "edgeman check on %s: %s\n\n%s", clean(r.Host), r.headline(), b.String())
	return err
}

// writeRecovered says what has gone away since it was said.
func writeRecovered(b *strings.Builder, r Report) {
	for _, line := range r.Recovered {
		fmt.Fprintf(b, "ok    %s\n", clean(line))
	}
}

// headline is the state in a few words.
func (r Report) headline() string {
	known := ""
	if r.Known != nil {
		known = "; " + r.Known.String()
	}
	switch {
	case worst(r.Findings) > Notice:
		return strings.ToUpper(worst(r.Findings).String()) + ", " + r.Summary.problems() + known
	case known != "":
		return "some problems are resolved" + known
	}
	return "all problems are resolved"
}

// outcome counts what is said, and what is known beside it.
func (r Report) outcome() string {
	switch {
	case r.Known == nil:
		return r.Summary.String()
	case worst(r.Findings) <= Notice:
		return "nothing new; " + r.Known.String()
	}
	return r.Summary.String() + "; " + r.Known.String()
}

type siteGroup struct {
	site     string
	findings []Finding
}

// bySite groups sorted findings; a group comes where its worst finding does.
func bySite(findings []Finding) []siteGroup {
	var out []siteGroup
	for _, f := range findings {
		i := slices.IndexFunc(out, func(g siteGroup) bool { return g.site == f.site() })
		if i < 0 {
			i = len(out)
			out = append(out, siteGroup{site: f.site()})
		}
		out[i].findings = append(out[i].findings, f)
	}
	return out
}

var colours = map[Severity]string{Critical: "\x1b[31m", Warning: "\x1b[33m", Unknown: "\x1b[35m", Notice: "\x1b[2m"}

func writeFinding(b *strings.Builder, f Finding, indent string, colour bool) {
	mark := f.Severity.mark()
	if colour {
		mark = colours[f.Severity] + mark + "\x1b[0m"
	}
	fmt.Fprintf(b, "%s%s  %s: %s\n", indent, mark, f.Code, clean(f.Message))
	more := indent + strings.Repeat(" ", 6)
	for _, p := range f.At {
		if !strings.Contains(f.Message, p.String()) {
			fmt.Fprintf(b, "%sat   %s\n", more, clean(p.String()))
			break
		}
	}
	if f.Hint != "" {
		fmt.Fprintf(b, "%shint: %s\n", more, clean(f.Hint))
	}
	for _, e := range f.Evidence {
		if e.Name == "diff" {
			writeDiff(b, e.Value, more)
		}
	}
}

// diffLines bounds how much of a diff goes into a mail.
const diffLines = 40

func writeDiff(b *strings.Builder, text, indent string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if i == diffLines {
			fmt.Fprintf(b, "%s... %d more lines\n", indent, len(lines)-i)
			return
		}
		line, tabs := strings.TrimLeft(line, "\t"), len(line)-len(strings.TrimLeft(line, "\t"))
		fmt.Fprintf(b, "%s%s%s\n", indent, strings.Repeat("\t", tabs), cleanKeepSpace(line))
	}
}

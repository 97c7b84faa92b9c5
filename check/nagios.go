package check

import (
	"fmt"
	"io"
	"math"
	"strings"

	"edgeman/deployer/words"
)

// nagiosLine is how long the first line may be: plugins' output is cut there by
// more than one of its readers.
const nagiosLine = 200

// WriteNagios prints one line with performance data, and the findings below it.
// The word on the line and the exit code always say the same.
func WriteNagios(w io.Writer, r Report) error {
	var b strings.Builder
	line := fmt.Sprintf("EDGEMAN %s - %s", nagiosWord(r.Exit), nagiosText(r))
	perf := fmt.Sprintf(" | min_left_ratio=%s certs=%d warn=%d crit=%d", ratio(r), r.Checked.Certificates, r.Summary.Warning, r.Summary.Critical)
	if room := nagiosLine - len(perf); len(line) > room {
		line = strings.ToValidUTF8(line[:room-3], "") + "..."
	}
	b.WriteString(line + perf + "\n")
	for _, f := range r.Findings {
		if f.Severity > Notice {
			fmt.Fprintf(&b, "%s %s: %s\n", strings.ToUpper(f.Severity.String()), f.Code, noBar(clean(f.Message)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func nagiosWord(exit int) string {
	return map[int]string{ExitOK: "OK", ExitWarning: "WARNING", ExitCritical: "CRITICAL", ExitUnknown: "UNKNOWN"}[exit]
}

func nagiosText(r Report) string {
	for _, f := range r.Findings {
		if f.Severity > Notice {
			return noBar(fmt.Sprintf("%s: %s: %s", r.Summary.problems(), f.Code, clean(f.Message)))
		}
	}
	if r.Known != nil {
		return r.outcome()
	}
	return words.Plural(r.Checked.Certificates, "certificate") + ", " + words.Plural(r.Checked.Servers, "server") + ", " +
		words.Plural(r.Checked.Upstreams, "upstream")
}

// noBar keeps text out of the performance data, which a bar begins.
func noBar(s string) string { return strings.ReplaceAll(s, "|", "/") }

// ratio is the least share of its renewal window that any certificate has left:
// 1 at the moment when renewal is due, 0 at the end.
func ratio(r Report) string {
	least := math.Inf(1)
	for _, c := range r.Inventory {
		window := c.NotAfter.Sub(c.Due)
		if window > 0 {
			least = min(least, float64(c.NotAfter.Sub(r.Started))/float64(window))
		}
	}
	if math.IsInf(least, 1) {
		return "U"
	}
	return fmt.Sprintf("%.2f", least)
}

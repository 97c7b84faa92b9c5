package check

import (
	"fmt"
	"strings"
	"time"
)

// Prometheus is the report in the text format for node_exporter's textfile
// collector. Times are absolute, so that an alert can compute with them; samples
// carry no timestamps of their own, which that collector refuses. Every code has
// a series from the start, and an expired certificate keeps its own.
func Prometheus(r Report) []byte {
	var b strings.Builder
	certificateMetric(&b, r, "not_after", "End of the certificate's validity.", func(c inventoryLine) time.Time { return c.NotAfter })
	certificateMetric(&b, r, "not_before", "Begin of the certificate's validity.", func(c inventoryLine) time.Time { return c.NotBefore })
	certificateMetric(&b, r, "renewal_due", "When automatic renewal should act.", func(c inventoryLine) time.Time { return c.Due })
	findingsMetric(&b, r)
	gauge(&b, "edgeman_check_last_run_timestamp_seconds", "When the last run began.", float64(r.Started.Unix()))
	gauge(&b, "edgeman_check_duration_seconds", "How long the last run took.", r.Duration)
	success := 1.0
	if r.Summary.Unknown > 0 {
		success = 0
	}
	gauge(&b, "edgeman_check_success", "1 when the last run could look at everything.", success)
	return []byte(b.String())
}

func head(b *strings.Builder, name, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

func gauge(b *strings.Builder, name, help string, v float64) {
	head(b, name, help)
	fmt.Fprintf(b, "%s %v\n", name, v)
}

// certificateMetric writes one family. A server may have two certificates, so
// the kind of source is not enough to tell them apart: the path or the
// fingerprint is.
func certificateMetric(b *strings.Builder, r Report, what, help string, at func(inventoryLine) time.Time) {
	name := "edgeman_certificate_" + what + "_seconds"
	head(b, name, help)
	for _, c := range r.Inventory {
		fmt.Fprintf(b, "%s{server=%s,source=%s,path=%s,sha256=%s} %d\n",
			name, quote(c.Server), quote(c.Source), quote(c.Path), quote(c.SHA256[:16]), at(c).Unix())
	}
}

func findingsMetric(b *strings.Builder, r Report) {
	const name = "edgeman_check_findings"
	head(b, name, "Findings of the last run by code.")
	count := map[string]map[Severity]int{}
	for _, rule := range Rules() {
		if r.Lint || !rule.Lint {
			count[rule.Code] = map[Severity]int{rule.Worst: 0}
		}
	}
	for _, f := range r.Findings {
		count[f.Code][f.Severity]++
	}
	for _, rule := range Rules() {
		for s := Critical; s >= Notice; s-- {
			if n, ok := count[rule.Code][s]; ok {
				fmt.Fprintf(b, "%s{code=%s,severity=%s} %d\n", name, quote(rule.Code), quote(s.String()), n)
			}
		}
	}
}

// quote writes a label value: backslash, quote and line feed are escaped.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?")) + `"`
}

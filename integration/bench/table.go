package bench

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text is the report for a terminal.
func (r *Report) Text() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, keepalive := range []bool{false, true} {
		fmt.Fprintf(w, "keepalive %v\treq/s\tmin\tmax\terrors\thop µs/req\tof published\tof floor\tp50\tp99\tp99.9\tat\n", keepalive)
		for _, p := range r.Throughput {
			if p.Keepalive == keepalive {
				fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d/s\n", p.Title, p.Requests.Median(), p.Requests.Min(), p.Requests.Max(), p.Errors, p.Hop.Median(),
					ratio(p.Requests, r.path(Published, keepalive).Requests), ratio(p.Requests, r.path(Floor, keepalive).Requests),
					p.P50.Median(), p.P99.Median(), p.P999.Median(), p.Rate)
			}
		}
	}
	w.Flush()
	return out.String()
}

func (r *Report) path(peer string, keepalive bool) Path {
	for _, p := range r.Throughput {
		if p.Peer == peer && p.Keepalive == keepalive {
			return p
		}
	}
	return Path{}
}

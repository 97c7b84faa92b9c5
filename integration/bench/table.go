package bench

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table is printed for a terminal and for Markdown alike. The first column is
// text, the others are figures.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// text aligns the columns with blanks.
func (t *table) text(out *strings.Builder) {
	fmt.Fprintf(out, "\n%s\n", t.title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(w, "  "+strings.Join(r, "\t"))
	}
	w.Flush()
	for _, n := range t.notes {
		fmt.Fprintln(out, "  "+n)
	}
}

func (t *table) markdown(out *strings.Builder) {
	fmt.Fprintf(out, "\n### %s\n\n", t.title)
	line := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	fmt.Fprintf(out, "|---|%s\n", strings.Repeat("---:|", len(t.head)-1))
	for _, r := range t.rows {
		line(r)
	}
	for _, n := range t.notes {
		fmt.Fprintf(out, "\n%s\n", n)
	}
}

// Text is the report for a terminal.
func (r *Report) Text() string {
	var out strings.Builder
	for _, t := range r.tables() {
		t.text(&out)
	}
	return out.String()
}

// Markdown is the report as a part of docs/performance.md.
func (r *Report) Markdown() string {
	var out strings.Builder
	m := r.Machine
	fmt.Fprintf(&out, "Measured on %s, in %.0f minutes: %s cores of %s, %s of memory, Linux %s, %s.\n",
		r.Started.UTC().Format("2006-01-02"), r.Took.Minutes(), m.Cores, m.CPU, m.Memory, m.Kernel, m.Debian)
	fmt.Fprintf(&out, "Versions: %s.\n", strings.Join(m.Versions, "; "))
	for _, t := range r.tables() {
		t.markdown(&out)
	}
	return out.String()
}

// tables are those of the parts that ran.
func (r *Report) tables() []*table {
	var all []*table
	if len(r.Throughput) > 0 {
		all = append(all, r.throughputTable(false), r.throughputTable(true))
	}
	if r.Swap != nil {
		all = append(all, r.swapTable(), r.switchTable())
	}
	if len(r.Cost) > 0 {
		all = append(all, r.costTable())
	}
	if len(r.Commands) > 0 {
		all = append(all, r.commandTable())
	}
	if t := r.targetTable(); len(t.rows) > 0 {
		all = append(all, t)
	}
	return all
}

func (r *Report) throughputTable(keepalive bool) *table {
	t := &table{
		title: "Throughput and latency without upstream keepalive",
		head:  []string{"nginx's upstream", "requests/s", "lowest to highest", "× published", "× floor", "hop's CPU, µs a request", "p50 ms", "p99 ms", "p99.9 ms", "errors"},
	}
	if keepalive {
		t.title = "Throughput and latency with upstream keepalive"
	}
	rate := 0
	for _, p := range r.Throughput {
		if p.Keepalive != keepalive {
			continue
		}
		rate = p.Rate
		t.row(p.Title, count(p.Requests.Median()), count(p.Requests.Min())+" to "+count(p.Requests.Max()),
			figure(ratio(p.Requests, r.path(Published, keepalive).Requests), 2), figure(ratio(p.Requests, r.path(Floor, keepalive).Requests), 2),
			figure(p.Hop.Median(), 0), figure(p.P50.Median(), 2), figure(p.P99.Median(), 2), figure(p.P999.Median(), 2), count(float64(p.Errors)))
	}
	o := r.Options.Throughput
	t.notes = []string{fmt.Sprintf("Requests a second: wrk with %d connections, medians of %d rounds of %d s. Latency: %s requests a second for every path, medians of %d rounds of %v.",
		o.Connections, o.Rounds, o.Seconds, count(float64(rate)), o.PacedRounds, o.Paced)}
	return t
}

// path is the one of a peer; empty if it was not measured.
func (r *Report) path(peer string, keepalive bool) Path {
	for _, p := range r.Throughput {
		if p.Peer == peer && p.Keepalive == keepalive {
			return p
		}
	}
	return Path{}
}

func (r *Report) swapTable() *table {
	o := r.Options.Swap
	t := &table{
		title: "Replacing the container under load",
		head: []string{
			"how", "replacements", "seconds each", "requests", "failed", "resent", "longest wait ms", "worst ms",
			"slow requests", "failed", "longest wait ms", "websockets cut, each",
		},
		notes: []string{fmt.Sprintf("%d GET and POST and %d slow requests a second, which take %v in the app. Longest wait: median of %d rounds; worst: the longest of all.", o.Rate, max(1, o.Rate/5), slowFor, o.Rounds)},
	}
	for _, s := range r.Swap.Strategies {
		cut := "-"
		if s.Name != None && s.SocketCount > 0 {
			cut = figure(min(websockets, float64(s.Sockets.Failed)/float64(s.SocketCount)), 1) + " of " + fmt.Sprint(websockets)
		}
		replaced := count(float64(s.Count))
		if s.Name == None {
			replaced = "0"
		}
		t.row(s.Title, replaced, figure(s.Took.Median(), 2), count(float64(s.Requests.Requests)), count(float64(s.Requests.Failed)), count(float64(s.Requests.Resent+s.Slow.Resent)),
			figure(s.Requests.Longest.Median(), 0), figure(s.Requests.Longest.Max(), 0), count(float64(s.Slow.Requests)), count(float64(s.Slow.Failed)), figure(s.Slow.Longest.Median(), 0), cut)
	}
	return t
}

func (r *Report) switchTable() *table {
	t := &table{title: "How long it takes", head: []string{"what", "median", "lowest", "highest", "of"}}
	for _, x := range []struct {
		what   string
		values Series
		digits int
		unit   string
	}{
		{"the switch: rename to the end of the first answer of the new release", r.Swap.Switch, 2, " ms"},
		{"edgeman swap of an idle app, whole command", r.Swap.Swap, 2, " s"},
		{"docker run of the same image, until it answers", r.Swap.Run, 2, " s"},
	} {
		t.row(x.what, figure(x.values.Median(), x.digits)+x.unit, figure(x.values.Min(), x.digits)+x.unit, figure(x.values.Max(), x.digits)+x.unit, fmt.Sprint(len(x.values)))
	}
	return t
}

func (r *Report) costTable() *table {
	t := &table{
		title: "Cost of what stands between nginx and the app",
		head:  []string{"what", "idle, MB resident", "of it not file-backed", "idle CPU", "KB a connection", "CPU with 1,000 open"},
		notes: []string{"haproxy and caddy are one process for all apps, the others one for each app."},
	}
	for _, c := range r.Cost {
		t.row(c.Title, figure(c.Resident, 1), figure(c.Anonymous, 1), figure(c.IdleCPU, 1)+" %", figure(c.Each, 1), figure(c.OpenCPU, 1)+" %")
	}
	return t
}

func (r *Report) commandTable() *table {
	t := &table{title: "Commands on a host with many sites", head: []string{"command"}, notes: []string{"Seconds of wall clock, in parentheses of CPU; medians."}}
	rows := map[string][]string{}
	var order []string
	for _, c := range r.Commands {
		if head := sitesHead(c.Sites); len(rows[c.Command]) == len(t.head)-1 {
			t.head = append(t.head, head)
		}
		if rows[c.Command] == nil {
			order = append(order, c.Command)
		}
		rows[c.Command] = append(rows[c.Command], figure(c.Wall.Median(), 2)+" ("+figure(c.CPU.Median(), 2)+")")
	}
	for _, name := range order {
		t.row(append([]string{name}, rows[name]...)...)
	}
	return t
}

func sitesHead(n int) string {
	if n == 1 {
		return "1 site"
	}
	return count(float64(n)) + " sites"
}

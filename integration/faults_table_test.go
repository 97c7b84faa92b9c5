//go:build integration && faults

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/gofrs/flock"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// rowOutcome is what came of a row.
type rowOutcome struct {
	fault
	app            string // its name
	result         load.Result
	most           int // requests that can have been inside what was killed
	left, repaired string
	failed         bool
	begun          time.Time
	took           time.Duration
}

// record is an outcome as it is kept between runs, so that a run of some rows
// leaves the others' last results in the table.
type record struct {
	Group    string        `json:"group"`
	Name     string        `json:"name"`
	Mode     string        `json:"mode"`
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	Most     int           `json:"most"`
	Outage   string        `json:"outage,omitempty"`
	Longest  time.Duration `json:"longest_ns"`
	Left     string        `json:"left"`
	Repaired string        `json:"repaired"`
	Red      bool          `json:"red"`
	Begun    time.Time     `json:"begun"`
	Took     time.Duration `json:"took_ns"`
	Versions string        `json:"versions"`
}

func (r record) key() string { return r.Group + "/" + r.Name + "/" + r.Mode }

// matrix collects the rows of a run.
type matrix struct {
	mu       sync.Mutex
	begun    time.Time
	versions string
	done     []record
}

// add notes a row and writes the page anew: a run may be cut short.
func (m *matrix) add(o rowOutcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = append(m.done, record{
		Group: o.group, Name: o.name, Mode: o.app, Requests: o.result.Requests, Failed: o.result.Failed, Most: o.most, Outage: o.outage,
		Longest: o.result.Longest, Left: o.left, Repaired: o.repaired, Red: o.failed, Begun: o.begun, Took: o.took, Versions: m.versions,
	})
	kept, err := m.merge()
	if err != nil {
		return err
	}
	return os.WriteFile(faultsPage, page(kept), 0o644)
}

// know asks the host for the versions that the results hold for.
func (m *matrix) know(ctx context.Context, h *host.Host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out, err := h.Shell(ctx, `. /etc/os-release; printf '%s, %s, Docker %s, systemd %s, %s' "$PRETTY_NAME" "$(nginx -v 2>&1 | sed 's/.*: //')" \
		"$(docker version --format '{{.Server.Version}}')" "$(systemctl --version | awk 'NR==1 {print $2}')" "$(edgeman --version)"`)
	if err == nil {
		m.versions = strings.TrimSpace(out)
	}
}

const (
	faultsKept = "../bin/faults.json"
	faultsPage = "../docs/faults.md"
)

// print shows this run's rows.
func (m *matrix) print() {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmode\trequests\tfailed\tlongest\tleft\trepaired by\ttook")
	for _, r := range m.done {
		fmt.Fprintf(w, "%s: %s\t%s\t%d\t%s\t%s\t%s\t%s\t%.0fs\n", r.Group, r.Name, r.Mode, r.Requests, r.lost(), r.wait(), r.verdict(), r.Repaired, r.Took.Seconds())
	}
	w.Flush()
	fmt.Printf("\nfault matrix, %s\n%s\n", m.versions, out.String())
}

// merge adds the row that was just run to those of earlier runs.
func (m *matrix) merge() (map[string]record, error) {
	kept := map[string]record{}
	if err := os.MkdirAll(filepath.Dir(faultsKept), 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(faultsKept + ".lock") // rows may run in several processes
	if err := lock.Lock(); err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if data, err := os.ReadFile(faultsKept); err == nil {
		if err := json.Unmarshal(data, &kept); err != nil {
			return nil, err
		}
	}
	last := m.done[len(m.done)-1]
	kept[last.key()] = last
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return nil, err
	}
	return kept, os.WriteFile(faultsKept, data, 0o644)
}

func (r record) sent() string {
	if r.Requests == 0 {
		return "-"
	}
	return fmt.Sprint(r.Requests)
}

func (r record) lost() string {
	switch {
	case r.Requests == 0:
		return "-"
	case r.Failed == 0:
		return "0"
	case r.Outage != "":
		return fmt.Sprintf("%d (%s)", r.Failed, r.Outage)
	}
	return fmt.Sprintf("%d of at most %d inside", r.Failed, r.Most)
}

func (r record) wait() string {
	if r.Requests == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fs", r.Longest.Seconds())
}

func (r record) verdict() string {
	if r.Red {
		return strings.TrimSpace("NOT AS IT SHOULD BE " + r.Left)
	}
	return r.Left
}

const pageHead = `# What happens when things go wrong

Each row is a fault, done for real to an adopted app on a throw-away host with its own systemd, nginx and Docker, while two clients (one that keeps its connections, one that does not) send GET and POST.
The requests are counted at the clients, and a wrong answer is a failed request. "of at most N inside" are rows that kill a process with requests within it; N is the
kernel's count of them just before, and a few that can have come since. After every row exactly one release is live in one container, nothing else is left on disk, in Docker or in systemd, ` + "`edgeman status`" + ` says so, and ` + "`edgeman check`" + ` is silent, or names
the one thing that the row is about.

` + "`make faults`" + ` runs them all again and writes this page; ` + "`make faults FAULTS='proxy/disk'`" + ` runs some. "At every change" means that a command was stopped before each single rename, removal, link or
directory that it makes below /etc and /var/lib/edgeman, one run for each. A power cut ends every process of the host at the same instant; what was written stays, so a missing fsync does not show
in those rows (the row "order of writes" looks for it).

`

// page renders the last result of every row that exists.
func page(kept map[string]record) []byte {
	var out bytes.Buffer
	out.WriteString(pageHead)
	versions := map[string][]time.Time{}
	group := ""
	for _, f := range faults() {
		for _, v := range faultApps {
			if !f.plays(v) {
				continue
			}
			mode := v.name
			if f.group != group {
				group = f.group
				fmt.Fprintf(&out, "\n## %s\n\n| what | mode | requests | failed | longest wait | state that remained | repaired by |\n|---|---|---|---|---|---|---|\n", group)
			}
			r, ok := kept[record{Group: f.group, Name: f.name, Mode: mode}.key()]
			if !ok {
				fmt.Fprintf(&out, "| %s | %s | not run | | | | |\n", f.name, mode)
				continue
			}
			versions[r.Versions] = append(versions[r.Versions], r.Begun)
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n", f.name, mode, r.sent(), r.lost(), r.wait(), r.verdict(), r.Repaired)
		}
	}
	out.WriteString(notRun)
	fmt.Fprintf(&out, "\n## Versions\n\n")
	for v, times := range versions {
		first, last := times[0], times[0]
		for _, at := range times {
			if at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
		fmt.Fprintf(&out, "- %d rows on %s, between %s and %s UTC\n", len(times), v, first.UTC().Format(time.DateTime), last.UTC().Format(time.TimeOnly))
	}
	return out.Bytes()
}

// notRun are faults that this cannot produce, with the reason.
const notRun = `
## Not run

| what | why |
|---|---|
| a container that runs out of memory | a test host has no memory limits (its kernel keeps that controller elsewhere): docker accepts ` + "`-m`" + ` and drops it. To edgeman it is a container killed by SIGKILL, see there |
| the clock jumps | a test host shares its clock with the machine, and a time namespace moves the monotonic clocks only. That deadlines of pauses and drains outlive it is tested with a clock of its own (deployer/state) |
`

//go:build integration && faults

package integration

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"edgeman/integration/host"
)

// The fault matrix: everything that can go wrong, done for real to an adopted
// app under load, with what it cost and what was left. make faults runs it and
// writes docs/faults.md; FAULTS=REGEXP selects rows, for example
// FAULTS='proxy/swap'.

// fault is a row of the matrix.
type fault struct {
	group, name string
	only        string // the one mode that it applies to; empty: proxy and native
	// outage says why requests may fail while it lasts: nothing can answer them.
	outage string
	// finding is the code of what check has to say afterwards; empty: nothing.
	finding string
	do      func(s *scene)
}

const faultRate = 60

// faults are the rows in the order of the table; rows that need a fresh host
// come last.
func faults() []fault {
	return slices.Concat(commandFaults(), processFaults(), nginxFaults(), imageFaults(), meddlingFaults(), unreachableFaults(), diskFaults(), swapFaults(), powerFaults())
}

// modes of an app; a row applies to both unless it says otherwise.
var modes = []string{"proxy", "native"}

func TestFaults(t *testing.T) {
	results := &matrix{begun: time.Now()}
	t.Cleanup(results.print)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			stage := &stage{t: t, mode: mode, release: releases()[0], results: results}
			for _, f := range faults() {
				if f.only != "" && f.only != mode {
					continue
				}
				t.Run(f.group+"/"+f.name, func(t *testing.T) {
					stage.row(t, f)
				})
			}
		})
	}
}

// stage is a host that serves one row after the other. A row that leaves it
// other than it was fails, and the next row gets a fresh one.
type stage struct {
	t       *testing.T
	mode    string
	release string
	results *matrix
	h       *host.Host
}

func (st *stage) row(t *testing.T, f fault) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	s := &scene{ctx: ctx, T: t, mode: st.mode, outcome: rowOutcome{fault: f, mode: st.mode, begun: time.Now(), repaired: "nothing to repair"}}
	defer func() {
		s.outcome.failed = t.Failed()
		s.outcome.took = time.Since(s.outcome.begun)
		if err := st.results.add(s.outcome); err != nil {
			t.Error(err)
		}
		if t.Failed() && st.h != nil && os.Getenv(faultsHost) == "" {
			collect(t, st.h)
			hosts.down(t, st.h)
			st.h = nil
		}
	}()
	if st.h == nil {
		st.setUp(ctx, t)
	}
	s.h = st.h
	s.fresh()
	s.clients = startLoads(ctx, t, st.h, faultRate)
	f.do(s)
	s.judge()
	s.whole()
}

// faultsHost names a host made with testhost up, to try rows on by hand: it is
// prepared once and left as it is.
const faultsHost = "FAULTS_HOST"

func (st *stage) setUp(ctx context.Context, t *testing.T) {
	t.Helper()
	if name := os.Getenv(faultsHost); name != "" {
		h, err := host.Attach(name)
		if err != nil {
			t.Fatal(err)
		}
		st.h = h
	} else {
		st.h = Up(ctx, st.t, st.release)
	}
	if _, err := st.h.Run(ctx, "edgeman", "status", "myapp"); err != nil {
		prepareFaults(ctx, t, st.h, st.mode)
	}
	st.results.know(ctx, st.h)
}

// prepareFaults adopts an app in the mode. Its images can be told to listen by
// themselves, as before adopt and in proxy mode, or to take the socket.
func prepareFaults(ctx context.Context, t *testing.T, h *host.Host, mode string) {
	t.Helper()
	Install(ctx, t, h)
	tool, err := host.Tool(ctx, "./integration/cmd/failpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Copy(ctx, tool, "/opt/failpoint"); err != nil {
		t.Fatal(err)
	}
	(&scene{ctx: ctx, T: t, h: h}).buildAll()
	// A wait of some seconds must not fail for want of worker_connections.
	must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf")
	must(ctx, t, h, "docker", "run", "--detach", "--name", "myapp", "--restart", "always", "--publish", "127.0.0.1:8080:8080", "myapp:v1")
	site(ctx, t, h, "myapp", plainSite)
	answers(ctx, t, h, "http://127.0.0.1/")
	must(ctx, t, h, "edgeman", "adopt", site80, "--yes", "--mode", mode, "--health", "/health")
}

const site80 = "/etc/nginx/sites-available/myapp"

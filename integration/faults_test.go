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
	ports       bool   // also done to an app with three listeners, all under load
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

// faultApp is the kind of app that a row is played with.
type faultApp struct{ name, mode, site string }

var faultApps = []faultApp{
	{name: "proxy", mode: "proxy", site: plainSite},
	{name: "native", mode: "native", site: plainSite},
	{name: "proxy, 3 ports", mode: "proxy", site: threePorts},
	{name: "native, 3 ports", mode: "native", site: threePorts},
}

func (v faultApp) ports() bool { return v.site == threePorts }

// plays says whether the row is for such an app.
func (f fault) plays(v faultApp) bool {
	return (f.only == "" || f.only == v.mode) && (f.ports || !v.ports())
}

// threePorts reaches one container at three ports.
const threePorts = `upstream my_app {
    server 127.0.0.1:8080;
}
server {
    listen 80 default_server;
    client_max_body_size 100m;
    location / {
        proxy_pass http://my_app;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
    location /longpolling/ {
        proxy_pass http://127.0.0.1:8072;
    }
}
server {
    listen 81;
    location / {
        proxy_pass http://127.0.0.1:9001;
    }
}
`

func TestFaults(t *testing.T) {
	results := &matrix{begun: time.Now()}
	t.Cleanup(results.print)
	for _, v := range faultApps {
		t.Run(v.name, func(t *testing.T) {
			stage := &stage{t: t, faultApp: v, release: releases()[0], results: results}
			for _, f := range faults() {
				if !f.plays(v) {
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
	faultApp
	t       *testing.T
	release string
	results *matrix
	h       *host.Host
}

func (st *stage) row(t *testing.T, f fault) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	s := &scene{ctx: ctx, T: t, faultApp: st.faultApp, outcome: rowOutcome{fault: f, app: st.name, begun: time.Now(), repaired: "nothing to repair"}}
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
	s.load()
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
		prepareFaults(ctx, t, st.h, st.faultApp)
	}
	st.results.know(ctx, st.h)
}

// prepareFaults adopts an app in the mode. Its images can be told to listen by
// themselves, as before adopt and in proxy mode, or to take the socket.
func prepareFaults(ctx context.Context, t *testing.T, h *host.Host, v faultApp) {
	t.Helper()
	Install(ctx, t, h)
	tool, err := host.Tool(ctx, "./integration/cmd/failpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Copy(ctx, tool, "/opt/failpoint"); err != nil {
		t.Fatal(err)
	}
	s := &scene{ctx: ctx, T: t, h: h, faultApp: v}
	s.buildAll()
	// A wait of some seconds must not fail for want of worker_connections.
	must(ctx, t, h, "sed", "-i", "s/worker_connections .*/worker_connections 4096;/", "/etc/nginx/nginx.conf")
	s.original("")
	site(ctx, t, h, "myapp", v.site)
	answers(ctx, t, h, "http://127.0.0.1/")
	s.adopt()
}

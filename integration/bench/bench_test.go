package bench

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fake is a host on which every command succeeds, with answers of its own.
type fake struct {
	ran    []string
	answer func(command string) (string, error)
	loads  []string
}

func (f *fake) world() *World {
	return &World{
		Run: func(_ context.Context, args ...string) (string, error) {
			command := strings.Join(args, " ")
			f.ran = append(f.ran, command)
			return f.answer(command)
		},
		Write: func(context.Context, string, []byte, os.FileMode) error { return nil },
		Start: func(_ context.Context, args ...string) (func() (string, error), error) {
			command := strings.Join(args, " ")
			f.loads = append(f.loads, command)
			return func() (string, error) { return f.answer(command) }, nil
		},
		Say:   func(string, ...any) {},
		Sleep: func(context.Context, time.Duration) {},
	}
}

// usual answers as a host does on which all is well: the peer on port 90x0 gets
// 1000 * (x+1) requests a second, twice that with upstream keepalive.
func usual(command string) (string, error) {
	switch {
	case strings.HasPrefix(command, "wrk "):
		var peer, kept int
		fmt.Sscanf(command[strings.Index(command, ":9")+1:], "90%1d%1d/", &peer, &kept)
		rate := 1000 * (peer + 1) * (kept + 1)
		return fmt.Sprintf("  %d requests in 1.00s, 1.00MB read\nRequests/sec: %d.00\n", rate, rate), nil
	case strings.HasPrefix(command, "/opt/load -paced"):
		return `{"requests":100,"p50_ns":1000000,"p99_ns":2000000,"p999_ns":3000000}`, nil
	case strings.HasPrefix(command, "/opt/load -switches"):
		return `[400000,500000]`, nil
	case strings.HasPrefix(command, "/opt/load "):
		return `{"requests":100,"longest_ns":20000000,"sessions":4}`, nil
	case strings.Contains(command, "VmRSS"):
		return "8000 4000 100\n", nil
	case strings.HasSuffix(command, "/stats"):
		return `{"open":1000}`, nil
	case strings.HasPrefix(command, "curl "):
		return "HTTP/1.1 200 OK\r\nx-version: v1\r\n", nil
	case strings.HasPrefix(command, "bash "):
		return "0.100 0.020 0.010\n2\n", nil
	case strings.Contains(command, "nproc"):
		return "Fast CPU\n2\n24 GiB\n6.1\nDebian 12\nedgeman 1\nnginx 1\n", nil
	case strings.Contains(command, "IPAddress"):
		return "172.17.0.2\n", nil
	}
	return "", nil
}

func everything(t *testing.T) (*Report, *fake) {
	t.Helper()
	f := &fake{answer: usual}
	b, err := Setup(t.Context(), f.world())
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Measure(t.Context(), Parts, Settings(true))
	if err != nil {
		t.Fatal(err)
	}
	return r, f
}

func TestMeasure(t *testing.T) {
	r, f := everything(t)
	if len(r.Throughput) != 16 {
		t.Fatalf("%d paths", len(r.Throughput))
	}
	for i, p := range r.Throughput {
		want := float64(1000 * (i/2 + 1) * (i%2 + 1))
		if len(p.Requests) != 3 || p.Requests.Median() != want || p.P99.Median() != 2 {
			t.Errorf("%s, keepalive %v: %v, p99 %v, want %v three times", p.Peer, p.Keepalive, p.Requests, p.P99, want)
		}
	}
	// Half of the slowest, which is the first peer here.
	if r.path(Floor, false).Rate != 500 || r.path(Floor, true).Rate != 1000 {
		t.Errorf("rates %d and %d", r.path(Floor, false).Rate, r.path(Floor, true).Rate)
	}
	for _, s := range r.Swap.Strategies {
		if s.Count != 4 || s.Requests.Requests != 200 || s.Slow.Requests != 200 || s.Sockets.Requests != 4 {
			t.Errorf("%+v", s)
		}
		if replaces := s.Name != None; replaces != (len(s.Took) == 4) {
			t.Errorf("%s: took %v", s.Name, s.Took)
		}
	}
	if len(r.Cost) != 6 || r.Cost[0].Resident != 8.192 || r.Cost[0].Each != 0 {
		t.Errorf("%+v", r.Cost)
	}
	if len(r.Commands) != 6 || r.Commands[0].CPU.Median() != 0.03 || r.Commands[0].Exit != 2 {
		t.Errorf("%+v", r.Commands)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	alternates(t, f.ran)
}

// alternates checks that no swap is to the release that is live, or it would
// replace nothing.
func alternates(t *testing.T, ran []string) {
	t.Helper()
	last := ""
	for _, command := range ran {
		if !strings.HasPrefix(command, "edgeman swap "+Proxy) {
			continue
		}
		release := strings.Fields(command)[3]
		if release == last {
			t.Errorf("swapped to %s twice in turn", release)
		}
		last = release
	}
	if last == "" {
		t.Error("no swap")
	}
}

// No path is always measured behind the same other one: what one leaves behind
// would always be another one's burden.
func TestOrder(t *testing.T) {
	const paths, rounds = 16, 5
	behind := map[[2]int]int{}
	for round := range rounds {
		o := order(round, paths)
		for i := 1; i < paths; i++ {
			behind[[2]int{o[i-1], o[i]}]++
		}
		slices.Sort(o)
		if o = slices.Compact(o); len(o) != paths || o[0] != 0 || o[paths-1] != paths-1 {
			t.Errorf("round %d measures %v", round, o)
		}
	}
	for pair, n := range behind {
		if n > rounds/2 {
			t.Errorf("path %d is measured behind %d in %d of %d rounds", pair[1], pair[0], n, rounds)
		}
	}
}

func TestMeasureKeepsWhatItHas(t *testing.T) {
	broken := errors.New("no more loads")
	f := &fake{answer: func(command string) (string, error) {
		if strings.HasPrefix(command, "/opt/load {") {
			return "", broken
		}
		return usual(command)
	}}
	b, err := Setup(t.Context(), f.world())
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Measure(t.Context(), Parts, Settings(true))
	if !errors.Is(err, broken) || len(r.Throughput) == 0 {
		t.Errorf("%v, %d paths", err, len(r.Throughput))
	}
	if _, err := b.Measure(t.Context(), []string{"everything"}, Settings(true)); err == nil {
		t.Error("an unknown part was measured")
	}
}

func TestParseWrk(t *testing.T) {
	const good = "Running 1s test @ http://127.0.0.1:9000/health\n  1 threads and 32 connections\n  2814 requests in 1.10s, 500KB read\n"
	for name, tt := range map[string]struct {
		out  string
		want saturation
		bad  bool
	}{
		"good":   {good + "Requests/sec:   2558.18\nTransfer/sec: 400KB\n", saturation{rate: 2558.18, requests: 2814}, false},
		"errors": {good + "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\nRequests/sec: 10.00\n", saturation{10, 2814, 15}, false},
		"none":   {"unable to connect to 127.0.0.1:9000 Connection refused\n", saturation{}, true},
	} {
		got, err := parseWrk(tt.out)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSeries(t *testing.T) {
	for _, tt := range []struct {
		s    Series
		want float64
	}{{Series{3, 1, 2}, 2}, {Series{4, 1, 2, 3}, 2.5}, {Series{7}, 7}} {
		if got := tt.s.Median(); got != tt.want {
			t.Errorf("median of %v: %v", tt.s, got)
		}
	}
	if none := (Series{}); !math.IsNaN(none.Median()) || !math.IsNaN(none.Min()) || !math.IsNaN(none.Max()) {
		t.Error("a series without values has figures")
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct{ total, rounds int }{{50, 5}, {7, 3}, {2, 5}} {
		sum := 0
		for i := range tt.rounds {
			sum += share(tt.total, tt.rounds, i)
		}
		if sum != tt.total {
			t.Errorf("%d in %d rounds: %d", tt.total, tt.rounds, sum)
		}
	}
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		count(1234567.4): "1,234,567", count(999): "999", count(0): "0", count(-1234): "-1,234", count(math.NaN()): "-",
		figure(1.005, 2): "1.00", figure(math.Inf(1), 2): "-",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestTargets(t *testing.T) {
	r, _ := everything(t)
	verdicts := map[string]string{}
	for _, row := range r.targetTable().rows {
		verdicts[row[0]] = row[3]
	}
	for what, want := range map[string]string{
		"native / floor, no keepalive":             "not reached", // 7 of 8
		"native / published port, no keepalive":    "reached",     // 7
		"proxy / systemd-socket-proxyd, keepalive": "reached",     // 2
		"failed requests, overlap swaps":           "reached",
		"longest wait, overlap swaps / no swap":    "reached",
		"idle edgeman serve, resident":             "reached",
	} {
		if verdicts[what] != want {
			t.Errorf("%s: %q, want %q", what, verdicts[what], want)
		}
	}
	if empty := (&Report{}).tables(); len(empty) != 0 {
		t.Errorf("a report of nothing has %d tables", len(empty))
	}
}

func TestDocument(t *testing.T) {
	r, _ := everything(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "performance.md"), []byte("before\n"+docsBegin+"old\n"+docsEnd+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // written again, it stays the same
		if err := r.Document(dir); err != nil {
			t.Fatal(err)
		}
	}
	page, _ := os.ReadFile(filepath.Join(dir, "performance.md"))
	for _, want := range []string{"before\n" + docsBegin, docsEnd + "after\n", "| edgeman proxy | 6,000 |", "| published port | 1,000 | 1,000 to 1,000 | 1.00 | 0.12 |"} {
		if strings.Count(string(page), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, page)
		}
	}
	if strings.Contains(string(page), "old") || strings.Contains(string(page), "NaN") {
		t.Errorf("%s", page)
	}
	if _, err := insert([]byte("no marks"), "x"); err == nil {
		t.Error("inserted between marks that are not there")
	}
	wellFormed(t, r.SVG())
	wellFormed(t, (&Report{}).SVG())
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

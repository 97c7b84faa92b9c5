package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"time"

	"edgeman/integration/load"
)

// Path is one peer with or without upstream keepalive, and what the rounds
// measured of it.
type Path struct {
	Peer      string `json:"peer"`
	Title     string `json:"title"`
	Keepalive bool   `json:"upstream_keepalive"`
	Requests  Series `json:"requests_per_second"` // wrk, saturated
	Hop       Series `json:"hop_cpu_us"`          // CPU a request of what stands between nginx and the app
	Errors    int    `json:"errors"`              // of wrk and of the paced client
	Rate      int    `json:"paced_rate"`          // requests a second of the next three
	P50       Series `json:"p50_ms"`
	P99       Series `json:"p99_ms"`
	P999      Series `json:"p999_ms"`
}

// ThroughputOptions say how long to measure.
type ThroughputOptions struct {
	Peers       []string // names; none: all
	Rounds      int
	Seconds     int // of one wrk run
	Connections int // of wrk and of the paced client

	PacedRounds int
	Paced       time.Duration // one run of the paced client
	Share       float64       // its rate, of the slowest peer's median at saturation
}

// Throughput measures every path in turn, round by round, each in another order,
// so that none always runs behind the same one.
func (b *Bench) Throughput(ctx context.Context, o ThroughputOptions) ([]Path, error) {
	paths := b.paths(o.Peers)
	for round := range o.Rounds + 1 {
		if round > 0 {
			b.Say("throughput: round %d of %d", round, o.Rounds)
		}
		for _, i := range order(round, len(paths)) {
			seconds := o.Seconds
			if round == 0 { // to warm up, not counted
				seconds = 1
			}
			if err := b.saturate(ctx, &paths[i], seconds, o.Connections, round > 0); err != nil {
				return nil, err
			}
		}
	}
	return paths, b.latency(ctx, o, paths)
}

// order is the same in every run, and another one in every round.
func order(round, n int) []int {
	return rand.New(rand.NewPCG(uint64(round), 0)).Perm(n)
}

// saturate runs wrk once and notes what it found, unless that was to warm up.
func (b *Bench) saturate(ctx context.Context, p *Path, seconds, connections int, count bool) error {
	n := b.peer(p.Peer)
	peer := b.Peers[n]
	before, err := b.usage(ctx, peer)
	if err != nil {
		return err
	}
	got, err := b.wrk(ctx, url(n, p.Keepalive, "/health"), seconds, connections)
	if err != nil {
		return err
	}
	after, err := b.usage(ctx, peer)
	if err != nil || !count {
		return err
	}
	p.Requests = append(p.Requests, got.rate)
	p.Errors += got.errors
	if got.requests > 0 {
		p.Hop = append(p.Hop, float64((after.cpu-before.cpu).Microseconds())/float64(got.requests))
	}
	return nil
}

// paths are in the order of the peers, without upstream keepalive first.
func (b *Bench) paths(only []string) []Path {
	var paths []Path
	for _, p := range b.Peers {
		if len(only) > 0 && !slices.Contains(only, p.Name) {
			continue
		}
		paths = append(paths, Path{Peer: p.Name, Title: p.Title}, Path{Peer: p.Name, Title: p.Title, Keepalive: true})
	}
	return paths
}

// latency sends at one rate to all paths with the same upstream keepalive, one
// that the slowest of them can take.
func (b *Bench) latency(ctx context.Context, o ThroughputOptions, paths []Path) error {
	for i := range paths {
		paths[i].Rate = pacedRate(paths, paths[i].Keepalive, o.Share)
	}
	for round := range o.PacedRounds {
		b.Say("latency: round %d of %d", round+1, o.PacedRounds)
		for _, i := range order(round, len(paths)) {
			p := &paths[i]
			got, err := b.paced(ctx, load.Pace{URL: url(b.peer(p.Peer), p.Keepalive, "/health"), Rate: p.Rate, Connections: o.Connections, For: o.Paced})
			if err != nil {
				return err
			}
			p.Errors += got.Failed
			p.P50 = append(p.P50, ms(got.P50))
			p.P99 = append(p.P99, ms(got.P99))
			p.P999 = append(p.P999, ms(got.P999))
		}
	}
	return nil
}

func pacedRate(paths []Path, keepalive bool, share float64) int {
	slowest := 0.0
	for _, p := range paths {
		if m := p.Requests.Median(); p.Keepalive == keepalive && (slowest == 0 || m < slowest) {
			slowest = m
		}
	}
	return max(1, int(slowest*share))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (b *Bench) paced(ctx context.Context, p load.Pace) (load.Paced, error) {
	var got load.Paced
	options, err := json.Marshal(p)
	if err != nil {
		return got, err
	}
	out, err := b.Run(ctx, "/opt/load", "-paced", string(options))
	if err != nil {
		return got, err
	}
	return got, json.Unmarshal([]byte(out), &got)
}

// saturation is what wrk says.
type saturation struct {
	rate     float64 // requests a second
	requests int
	errors   int
}

func (b *Bench) wrk(ctx context.Context, url string, seconds, connections int) (saturation, error) {
	out, err := b.Run(ctx, "wrk", "--threads", "1", "--connections", strconv.Itoa(connections),
		"--duration", fmt.Sprintf("%ds", seconds), "--timeout", "10s", url)
	if err != nil {
		return saturation{}, err
	}
	return parseWrk(out)
}

var (
	wrkRate   = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)`)
	wrkCount  = regexp.MustCompile(`(?m)^\s+(\d+) requests in `)
	wrkErrors = regexp.MustCompile(`(?m)^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus = regexp.MustCompile(`(?m)^\s+Non-2xx or 3xx responses: (\d+)`)
)

func parseWrk(out string) (saturation, error) {
	rate, count := wrkRate.FindStringSubmatch(out), wrkCount.FindStringSubmatch(out)
	if rate == nil || count == nil {
		return saturation{}, fmt.Errorf("wrk says nothing of a rate: %q", out)
	}
	var s saturation
	s.rate, _ = strconv.ParseFloat(rate[1], 64) // digits by the expressions
	s.requests, _ = strconv.Atoi(count[1])
	for _, m := range [][]string{wrkErrors.FindStringSubmatch(out), wrkStatus.FindStringSubmatch(out)} {
		for i := 1; i < len(m); i++ {
			n, _ := strconv.Atoi(m[i])
			s.errors += n
		}
	}
	return s, nil
}

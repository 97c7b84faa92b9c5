package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Parts are the names of what can be measured, in the order in which it is.
var Parts = []string{"throughput", "swap", "cost", "commands"}

// Report is everything that one run measured. Parts that did not run are empty.
type Report struct {
	Machine    Machine       `json:"machine"`
	Started    time.Time     `json:"started"`
	Took       time.Duration `json:"took_ns"`
	Options    Options       `json:"options"`
	Throughput []Path        `json:"throughput,omitempty"`
	Swap       *Swaps        `json:"swap,omitempty"`
	Cost       []Cost        `json:"cost,omitempty"`
	Commands   []Command     `json:"commands,omitempty"`
}

// Options of the parts.
type Options struct {
	Throughput ThroughputOptions
	Swap       SwapOptions
	Cost       CostOptions
	Commands   CommandOptions
}

// Settings are those of an ordinary run, about 17 minutes, or of a
// quick one that only shows that everything works.
func Settings(quick bool) Options {
	o := Options{
		Throughput: ThroughputOptions{Rounds: 5, Seconds: 2, Connections: 32, PacedRounds: 3, Paced: 3 * time.Second, Share: 0.5},
		Swap:       SwapOptions{Rounds: 5, Replacements: 50, Sockets: 3, Pause: 100 * time.Millisecond, Rate: 100, Timed: 10},
		Cost:       CostOptions{Settle: 20 * time.Second, Idle: 10 * time.Second, Connections: 1000, Open: 3 * time.Second},
		Commands:   CommandOptions{Sites: []int{1, 100, 1000}, Rounds: 3},
	}
	if quick {
		o.Cost.Open, o.Commands.Sites, o.Commands.Rounds = time.Second, []int{1, 100}, 1
		o.Swap.Rounds, o.Swap.Replacements, o.Swap.Sockets, o.Swap.Timed = 2, 4, 1, 2
		o.Throughput.Rounds, o.Throughput.Seconds, o.Throughput.PacedRounds, o.Throughput.Paced = 3, 1, 1, 2*time.Second
	}
	return o
}

// Measure runs the parts, one after the other. If one fails, the report holds
// those before it.
func (b *Bench) Measure(ctx context.Context, parts []string, o Options) (*Report, error) {
	for _, part := range parts {
		if !slices.Contains(Parts, part) {
			return nil, fmt.Errorf("unknown part %q (known: %s)", part, strings.Join(Parts, ", "))
		}
	}
	r := &Report{Started: time.Now(), Options: o}
	var err error
	if r.Machine, err = b.machine(ctx); err != nil {
		return nil, err
	}
	measure := map[string]func() error{
		"throughput": func() (err error) { r.Throughput, err = b.Throughput(ctx, o.Throughput); return err },
		"swap":       func() (err error) { r.Swap, err = b.Swaps(ctx, o.Swap); return err },
		"cost":       func() (err error) { r.Cost, err = b.Costs(ctx, o.Cost); return err },
		"commands":   func() (err error) { r.Commands, err = b.Commands(ctx, o.Commands); return err },
	}
	for _, part := range Parts {
		if !slices.Contains(parts, part) {
			continue
		}
		if err := measure[part](); err != nil {
			return r, fmt.Errorf("%s: %w", part, err)
		}
		r.Took = time.Since(r.Started)
	}
	return r, nil
}

// Save writes bench.json and performance.svg below dir.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "bench.json"), append(data, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "performance.svg"), []byte(r.SVG()), 0o644),
	)
}

// What stands between these lines of docs/performance.md is generated.
const (
	docsBegin = "<!-- make bench writes from here -->\n"
	docsEnd   = "<!-- to here -->\n"
)

// Document writes the tables into dir/performance.md, between its marks, and
// the chart beside it.
func (r *Report) Document(dir string) error {
	path := filepath.Join(dir, "performance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err = insert(page, r.Markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return errors.Join(os.WriteFile(path, page, 0o644), os.WriteFile(filepath.Join(dir, "performance.svg"), []byte(r.SVG()), 0o644))
}

func insert(page []byte, section string) ([]byte, error) {
	before, rest, ok := strings.Cut(string(page), docsBegin)
	_, after, ok2 := strings.Cut(rest, docsEnd)
	if !ok || !ok2 {
		return nil, fmt.Errorf("the marks %q and %q are not there", docsBegin, docsEnd)
	}
	return []byte(before + docsBegin + section + docsEnd + after), nil
}

package bench

import (
	"context"
	"encoding/json"
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
}

// Options of the parts.
type Options struct {
	Throughput ThroughputOptions
}

// Settings are those of an ordinary run, about a quarter of an hour, or of a
// quick one that only shows that everything works.
func Settings(quick bool) Options {
	o := Options{
		Throughput: ThroughputOptions{Rounds: 5, Seconds: 2, Connections: 32, PacedRounds: 3, Paced: 4 * time.Second, Share: 0.5},
	}
	if quick {
		o.Throughput.Rounds, o.Throughput.Seconds, o.Throughput.PacedRounds, o.Throughput.Paced = 3, 1, 1, 2*time.Second
	}
	return o
}

// Measure runs the parts, all of one after the other.
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
	}
	for _, part := range Parts {
		if measure[part] == nil || !slices.Contains(parts, part) {
			continue
		}
		if err := measure[part](); err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
	}
	r.Took = time.Since(r.Started)
	return r, nil
}

// Save writes the report below dir: bench.json.
func (r *Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "bench.json"), append(data, '\n'), 0o644)
}

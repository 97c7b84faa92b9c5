package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"edgeman/integration/load"
)

// CostOptions say how long to look.
type CostOptions struct {
	Settle      time.Duration // before the idle look; edgeman gives memory back 9 s after the last request
	Idle        time.Duration // the idle look
	Connections int
	Open        time.Duration // the look while connections are open
}

// Cost is what the processes between nginx and the app use, for one peer.
type Cost struct {
	Peer      string  `json:"peer"`
	Title     string  `json:"title"`
	Resident  float64 `json:"idle_resident_mb"`
	Anonymous float64 `json:"idle_anonymous_mb"` // not backed by a file, so not shared with other processes of the program
	IdleCPU   float64 `json:"idle_cpu_percent"`  // of one core

	Connections int     `json:"connections"`
	Open        float64 `json:"open_resident_mb"`
	Each        float64 `json:"kb_per_connection"`
	OpenCPU     float64 `json:"open_cpu_percent"`
}

// Costs looks at every peer that has processes, idle and with open websockets.
func (b *Bench) Costs(ctx context.Context, o CostOptions) ([]Cost, error) {
	b.Say("cost: idle")
	b.Sleep(ctx, o.Settle)
	costs, err := b.idle(ctx, o.Idle)
	if err != nil {
		return nil, err
	}
	for i := range costs {
		b.Say("cost: %s with %d open connections", costs[i].Title, o.Connections)
		if err := b.open(ctx, &costs[i], o); err != nil {
			return nil, err
		}
	}
	return costs, nil
}

// idle looks at all peers during the same span of time.
func (b *Bench) idle(ctx context.Context, span time.Duration) ([]Cost, error) {
	before, err := b.allUse(ctx)
	if err != nil {
		return nil, err
	}
	b.Sleep(ctx, span)
	after, err := b.allUse(ctx)
	if err != nil {
		return nil, err
	}
	var costs []Cost
	for i, p := range b.Peers {
		if p.processes == "" {
			continue
		}
		costs = append(costs, Cost{
			Peer: p.Name, Title: p.Title, Resident: mb(after[i].resident), Anonymous: mb(after[i].anonymous),
			IdleCPU: percent(after[i].cpu-before[i].cpu, span),
		})
	}
	return costs, nil
}

func (b *Bench) allUse(ctx context.Context) ([]usage, error) {
	all := make([]usage, len(b.Peers))
	for i, p := range b.Peers {
		var err error
		if all[i], err = b.usage(ctx, p); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func mb(bytes int) float64 { return float64(bytes) / 1e6 }

func percent(used, span time.Duration) float64 { return 100 * used.Seconds() / span.Seconds() }

// open holds websockets through nginx and the peer to the app, silent but for
// one message at their beginning.
func (b *Bench) open(ctx context.Context, c *Cost, o CostOptions) error {
	i := b.peer(c.Peer)
	stop, err := b.loads(ctx, load.Options{URL: url(i, false, "/"), Websockets: o.Connections, WebsocketEvery: time.Minute})
	if err != nil {
		return err
	}
	err = b.look(ctx, c, b.Peers[i], o)
	results, stopErr := stop()
	switch {
	case err != nil:
		return err
	case stopErr != nil:
		return stopErr
	case results[0].SessionsBroken > 0:
		return fmt.Errorf("%s: %d of %d websockets broke: %q", c.Title, results[0].SessionsBroken, o.Connections, results[0].Errors)
	}
	return nil
}

func (b *Bench) look(ctx context.Context, c *Cost, p Peer, o CostOptions) error {
	if err := b.untilOpen(ctx, url(b.peer(p.Name), false, "/stats"), o.Connections); err != nil {
		return fmt.Errorf("%s: %w", p.Title, err)
	}
	b.Sleep(ctx, 2*time.Second) // for the work of opening them to be over
	before, err := b.usage(ctx, p)
	if err != nil {
		return err
	}
	b.Sleep(ctx, o.Open)
	after, err := b.usage(ctx, p)
	if err != nil {
		return err
	}
	c.Connections, c.Open, c.OpenCPU = o.Connections, mb(after.resident), percent(after.cpu-before.cpu, o.Open)
	c.Each = (c.Open - c.Resident) * 1000 / float64(o.Connections)
	return nil
}

// untilOpen waits until the app itself counts n connections.
func (b *Bench) untilOpen(ctx context.Context, stats string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var got struct{ Open int }
		out, err := b.Run(ctx, "curl", "-s", "--max-time", "5", stats)
		if err == nil {
			err = json.Unmarshal([]byte(out), &got)
		}
		if err == nil && got.Open >= n {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d connections were opened in time (%v)", got.Open, n, err)
		}
		b.Sleep(ctx, 200*time.Millisecond)
	}
}

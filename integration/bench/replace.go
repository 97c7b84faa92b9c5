package bench

import (
	"context"
	"fmt"
	"time"
)

// strategy is one way to replace the app's container.
type strategy struct {
	name, title string
	peer        string // the site that the load goes to
	// replace replaces the container of the peer once; i counts from 0.
	replace func(b *Bench, ctx context.Context, i int) error
}

// grace is how long old connections may go on in every strategy: the containers'
// stop timeout, and edgeman's drain time.
const grace = "2"

// Names of the strategies that are compared.
const (
	None      = "none"
	Overlap   = "edgeman-overlap"
	StopFirst = "edgeman-stop-first"
)

// strategies in the order of a round. None lasts as long as the one before it.
func strategies() []strategy {
	return []strategy{
		{Overlap, "edgeman swap (overlap)", Proxy, edgemanSwap("overlap")},
		{None, "no replacement", Proxy, nil},
		{StopFirst, "edgeman swap (stop-first)", Proxy, edgemanSwap("stop-first")},
		{"docker-restart", "docker restart", Published, script(`docker restart published`)},
		{"stop-start", "docker stop, run the new image", Published, script(
			`docker stop published; docker rm published
			` + containerFlags + `--name published --publish 127.0.0.1:8101:8080 bench:$1`)},
		{"blue-green", "blue-green by hand, with a reload", "bluegreen", script(blueGreen)},
	}
}

func edgemanSwap(how string) func(*Bench, context.Context, int) error {
	return func(b *Bench, ctx context.Context, i int) error {
		_, err := b.Run(ctx, "edgeman", "swap", Proxy, version(i), "--strategy", how, "--drain", grace+"s")
		return err
	}
}

func version(i int) string { return []string{"v2", "v1"}[i%2] }

// script is run with the new version, the new port and the old port.
func script(text string) func(*Bench, context.Context, int) error {
	return func(b *Bench, ctx context.Context, i int) error {
		ports := []string{"8112", "8111"}
		_, err := b.shell(ctx, text, version(i), ports[i%2], ports[(i+1)%2])
		return err
	}
}

// blueGreen is what careful people do: the new container on another port, asked
// until it answers, then the site edited and nginx reloaded, and a moment for the
// old workers before the old container is stopped.
const blueGreen = `
` + containerFlags + `--name "bluegreen-$2" --publish "127.0.0.1:$2:8080" "bench:$1"
until curl -sf -o /dev/null --max-time 1 "http://127.0.0.1:$2/health"; do sleep 0.02; done
sed -i "s/127.0.0.1:$3/127.0.0.1:$2/" /etc/nginx/sites-enabled/bluegreen
nginx -t -q
systemctl reload nginx
sleep 0.5
docker stop "bluegreen-$3"
docker rm "bluegreen-$3"`

// Replaced is what one strategy did to the load in the whole run.
type Replaced struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Count int    `json:"replacements"`
	Took  Series `json:"took_seconds"` // one value a replacement

	Requests Waits `json:"requests"` // GET and POST in turn
	Slow     Waits `json:"slow"`     // each takes slowFor in the app

	SocketCount int   `json:"websocket_replacements"`
	Sockets     Waits `json:"websockets"` // Requests are sessions, Failed those that were cut
}

// Waits are the losses and the longest waits of one kind of load.
type Waits struct {
	Requests int      `json:"requests"`
	Failed   int      `json:"failed"`
	Resent   int      `json:"resent"`
	Longest  Series   `json:"longest_ms"` // one value a round, from when a request was due to the end of its answer
	Errors   []string `json:"errors,omitempty"`
}

const slowFor = 300 * time.Millisecond

// replacements runs one strategy n times, pause apart, and notes how long each took.
func (b *Bench) replacements(ctx context.Context, s strategy, r *Replaced, n int, pause, calm time.Duration) error {
	for range n {
		b.Sleep(ctx, pause)
		if s.replace == nil {
			b.Sleep(ctx, calm)
			continue
		}
		start := time.Now()
		if err := b.replace(ctx, s); err != nil {
			return err
		}
		r.Took = append(r.Took, time.Since(start).Seconds())
	}
	b.Sleep(ctx, pause)
	return nil
}

// replace replaces once. Strategies that share a peer take turns with its releases.
func (b *Bench) replace(ctx context.Context, s strategy) error {
	i := b.done[s.peer]
	b.done[s.peer]++
	if err := s.replace(b, ctx, i); err != nil {
		return fmt.Errorf("%s: %w", s.title, err)
	}
	return nil
}

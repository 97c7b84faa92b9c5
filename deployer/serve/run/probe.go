package run

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets/count"
)

const (
	probeMin  = 50 * time.Millisecond // between probes of an app that starts
	probeMax  = 500 * time.Millisecond
	dialLimit = 2 * time.Second
	execLimit = 30 * time.Second // even if the image allows its check more

	acceptWait = probeMax        // for one look at a probe in the queue
	deafAfter  = 3 * time.Second // an app that starts slowly is not deaf yet
)

// probe asks the app once whether it is ready. The answer is one line for
// people, in either case.
type probe func(ctx context.Context) (answer string, ok bool)

// httpProbe sends a request over a connection from dial.
func httpProbe(r ask.Request, dial ask.Dialer) probe {
	return func(ctx context.Context) (string, bool) {
		answer, err := r.Over(ctx, dial)
		if err != nil {
			return fmt.Sprintf("GET %s: %v", r.Path, err), false
		}
		return fmt.Sprintf("GET %s: %s", r.Path, answer.Status), answer.OK()
	}
}

// healthRequest is how the release's app is asked whether it is ready.
func healthRequest(r state.Release) ask.Request {
	return ask.Request{Path: state.HealthPath(r.Health), Headers: r.HealthHeaders, Host: r.App}
}

// execProbe runs the image's own check inside the container. Docker runs it
// too, but for the first time after a whole interval.
func execProbe(e Engine, id string, h docker.Healthcheck) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, min(h.Timeout, execLimit))
		defer cancel()
		code, output, err := e.Exec(ctx, id, h.Command)
		if err != nil {
			return "health check: " + OneLine(err.Error()), false
		}
		return strings.TrimRight(fmt.Sprintf("health check: exit %d %s", code, OneLine(output)), " "), code == 0
	}
}

// dialProbe is satisfied when the port behind a listener takes a connection.
func dialProbe(up carry.Upstream, listener string) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, dialLimit)
		defer cancel()
		c, err := up.Dial(ctx, listener)
		if err != nil {
			return "connect: " + err.Error(), false
		}
		defer c.Close()
		return fmt.Sprintf("connect: %s accepts", c.Peer()), true
	}
}

const (
	lineHead = 100 // how much of the beginning of a long message is kept
	lineTail = 300 // and of its end, where runtimes, tracebacks and shells say why
)

// OneLine is a message for a line of a status: its lines in one, and cut in the
// middle if it is long.
func OneLine(s string) string {
	text := []rune(words.Joined(s))
	if len(text) <= lineHead+lineTail {
		return string(text)
	}
	return string(text[:lineHead]) + " … " + string(text[len(text)-lineTail:])
}

// probe chooses how to ask whether the app is ready: its HTTP path, else the
// image's own check unless the app file says otherwise, else whether its port
// takes a connection. The ports behind its other listeners have to, in any case.
func (r *runner) probe(e Engine, c docker.Container, up carry.Upstream) probe {
	main := r.release.HealthListener().Name
	ask := dialProbe(up, main)
	switch {
	case state.HealthPath(r.release.Health) != "":
		ask = httpProbe(healthRequest(r.release), func(ctx context.Context) (net.Conn, error) {
			return r.dialProbe(ctx, up)
		})
	case c.Healthcheck != nil && r.release.Health != state.HealthConnect:
		ask = execProbe(e, c.ID, *c.Healthcheck)
	}
	return r.allProbe(ask, func(l state.Listener) probe { return dialProbe(up, l.Name) })
}

// allProbe is satisfied when ask is, and then what other says of each listener
// but the one that is asked for the app's health.
func (r *runner) allProbe(ask probe, other func(state.Listener) probe) probe {
	main := r.release.HealthListener()
	type named struct {
		name string
		ask  probe
	}
	var others []named
	for _, l := range r.release.Listeners {
		if l != main {
			others = append(others, named{l.Name, other(l)})
		}
	}
	return func(ctx context.Context) (string, bool) {
		answer, ok := ask(ctx)
		for _, o := range others {
			if !ok {
				break
			}
			if said, is := o.ask(ctx); !is {
				answer, ok = "port "+o.name+": "+said, false
			}
		}
		return answer, ok
	}
}

// dialProbe opens a probe's connection: through the slot's socket, as nginx
// will, while nobody else uses it, and straight to the app when requests wait
// there, because they would be in front of the probe.
func (r *runner) dialProbe(ctx context.Context, up carry.Upstream) (net.Conn, error) {
	// An app that does not listen, perhaps on another port, says so here at once.
	// Through the socket a probe would wait for it.
	listener := r.release.HealthListener().Name
	c, err := up.Dial(ctx, listener)
	if err != nil {
		return nil, err
	}
	// Alone there, or it would lead to any of several containers.
	if r.release.Count() == 1 && r.slot.ThroughSocket.Load() {
		c.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.socket(listener))
	}
	return c.Net()
}

// watchHealth probes until the app is healthy. An app that was healthy before,
// and is not so again after its patience, gets its requests all the same: what
// it answers is for its users to see.
func (r *runner) watchHealth(ctx context.Context, ask probe) {
	begun := time.Now()
	for wait := probeMin; ; wait = min(2*wait, probeMax) {
		asked := time.Now()
		answer, ok := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		late := time.Since(begun) > r.patience
		r.set(func(c *Condition) {
			c.Probe = answer
			switch {
			case ok:
				c.Phase, c.Message = state.PhaseHealthy, ""
			case late && c.Message == "":
				c.Message = "not healthy for " + r.patience.String() + ", its requests are let through"
			}
		})
		if ok {
			return
		}
		poll.Sleep(ctx, wait-time.Since(asked))
	}
}

// nativeProbe asks the app through the slot's socket, the only way to it. Which
// of several containers answers there is up to the kernel, so that each has to
// have taken the listener before its own question counts.
func (r *runner) nativeProbe(e Engine, c docker.Container) probe {
	main := r.release.HealthListener()
	accepts := r.acceptProbe(main.Name)
	ask := accepts
	switch {
	case r.release.Health == state.HealthConnect:
	case r.release.Health != "":
		ask = httpProbe(healthRequest(r.release), func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", r.socket(main.Name))
		})
	case c.Healthcheck != nil && !asksLocalhost(c.Healthcheck.Command):
		ask = execProbe(e, c.ID, *c.Healthcheck)
	case c.Healthcheck != nil:
		r.slot.Log("%s: the image's health check asks localhost, where nothing listens in native mode; asking the slot's socket instead", r.name)
	}
	all := r.allProbe(r.unlessDeaf(c, main, ask, accepts), func(l state.Listener) probe {
		accepts := r.acceptProbe(l.Name)
		return r.unlessDeaf(c, l, accepts, accepts)
	})
	return func(ctx context.Context) (string, bool) {
		if !r.holds.Load() {
			return "the container has not taken the listeners yet", false
		}
		return all(ctx)
	}
}

// unlessDeaf is ask, or says that the app listens where l leads by itself and does
// not accept from the descriptor that it was given.
func (r *runner) unlessDeaf(c docker.Container, l state.Listener, ask, accepts probe) probe {
	fd := handedFD + slices.Index(r.release.Listeners, l)
	return func(ctx context.Context) (string, bool) {
		answer, ok := ask(ctx)
		if ok || time.Since(c.Started) < deafAfter || !r.listensItself(ctx, c, l) {
			return answer, ok
		}
		if _, accepted := accepts(ctx); accepted {
			return answer, false
		}
		return fmt.Sprintf("the container listens on %d by itself and never accepted from fd %d: use mode proxy", l.Port, fd), false
	}
}

// asksLocalhost recognises a health check that connects to the container
// itself, where a native app has no listener of its own.
func asksLocalhost(command []string) bool {
	text := strings.Join(command, " ")
	return slices.ContainsFunc([]string{"localhost", "127.0.0.", "[::1]", "0.0.0.0"}, func(s string) bool {
		return strings.Contains(text, s)
	})
}

// acceptPause is how long to wait between two looks at a connection that has
// waited in the queue for so long: an app that starts is noticed at once, and
// one that never accepts costs next to nothing.
func acceptPause(waited time.Duration) time.Duration {
	return min(max(waited/20, probeMin/5), acceptWait)
}

// acceptProbe is satisfied when the app takes a connection out of a listener's
// queue. It uses one connection until then, or it would fill the queue.
func (r *runner) acceptProbe(listener string) probe {
	var conn *net.UnixConn
	var since time.Time
	return func(ctx context.Context) (string, bool) {
		if conn == nil {
			c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: r.socket(listener), Net: "unix"})
			if err != nil {
				return "connect: " + err.Error(), false
			}
			conn, since = c, time.Now()
			context.AfterFunc(ctx, func() { c.Close() })
		}
		for begun := time.Now(); ; {
			taken, err := count.Accepted(conn)
			if err != nil {
				return err.Error(), false
			}
			if taken {
				conn.Close()
				conn = nil
				return "connect: accepted", true
			}
			pause := acceptPause(time.Since(since))
			if time.Since(begun)+pause > acceptWait || ctx.Err() != nil {
				return "connect: not accepted yet", false
			}
			poll.Sleep(ctx, pause)
		}
	}
}

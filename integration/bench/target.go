package bench

import "math"

// target is a figure that edgeman is meant to reach. It is reported, never asserted: on
// another machine it may well come out otherwise.
type target struct {
	what   string
	got    float64
	want   float64
	atMost bool // want is an upper bound
	digits int
	unit   string
}

func (t target) reached() bool {
	if t.atMost {
		return t.got <= t.want
	}
	return t.got >= t.want
}

// targets are those of the parts that ran.
func (r *Report) targets() []target {
	all := r.throughputTargets()
	if r.Swap != nil {
		overlap, calm := r.replaced(Overlap), r.replaced(None)
		all = append(
			all,
			target{what: "failed requests, overlap swaps", got: float64(overlap.Requests.Failed + overlap.Slow.Failed), want: 0, atMost: true},
			target{what: "longest wait, overlap swaps / no swap", got: ratio(overlap.Requests.Longest, calm.Requests.Longest), want: 1.2, atMost: true, digits: 2},
		)
	}
	for _, c := range r.Cost {
		if c.Peer == Proxy {
			all = append(
				all,
				target{what: "idle edgeman serve, resident", got: c.Resident, want: 12, atMost: true, digits: 1, unit: " MB"},
				target{what: "edgeman serve, each open connection", got: c.Each, want: 25, atMost: true, digits: 1, unit: " KB"},
			)
		}
	}
	measured := all[:0]
	for _, t := range all {
		if !math.IsNaN(t.got) {
			measured = append(measured, t)
		}
	}
	return measured
}

func (r *Report) throughputTargets() []target {
	const without, with = false, true
	rates := func(what, a, b string, keepalive bool, want float64) target {
		return target{what: what, got: ratio(r.path(a, keepalive).Requests, r.path(b, keepalive).Requests), want: want, digits: 2}
	}
	slower := func(what string, keepalive bool) target {
		return target{what: what, got: ratio(r.path(Proxy, keepalive).P99, r.path(Published, keepalive).P99), want: 1, atMost: true, digits: 2}
	}
	return []target{
		rates("native / floor, no keepalive", Native, Floor, without, 0.95),
		rates("native / floor, keepalive", Native, Floor, with, 0.95),
		rates("native / published port, no keepalive", Native, Published, without, 5),
		rates("native / published port, keepalive", Native, Published, with, 1.8),
		rates("proxy / systemd-socket-proxyd, no keepalive", Proxy, SocketProxy, without, 1),
		rates("proxy / systemd-socket-proxyd, keepalive", Proxy, SocketProxy, with, 1),
		rates("proxy / published port, no keepalive", Proxy, Published, without, 1.7),
		rates("proxy / published port, keepalive", Proxy, Published, with, 1.2),
		slower("p99 of proxy / of published port, no keepalive", without),
		slower("p99 of proxy / of published port, keepalive", with),
	}
}

func (r *Report) replaced(name string) Replaced {
	for _, s := range r.Swap.Strategies {
		if s.Name == name {
			return s
		}
	}
	return Replaced{}
}

func (r *Report) targetTable() *table {
	t := &table{title: "Targets", head: []string{"ratio or figure", "target", "measured", ""}}
	for _, g := range r.targets() {
		bound, verdict := "at least ", "reached"
		if g.atMost {
			bound = "at most "
		}
		if !g.reached() {
			verdict = "not reached"
		}
		t.row(g.what, bound+figure(g.want, g.digits)+g.unit, figure(g.got, g.digits)+g.unit, verdict)
	}
	return t
}

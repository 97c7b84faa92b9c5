package run

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"edgeman/deployer/docker/volume"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
)

// Group is the containers that run one release in a slot. Each has a runner of
// its own, so one that dies comes back by its own back-off and the others do not
// notice. With one container it is just that container.
type Group struct {
	Release state.Release
	Pool    *carry.Pool
	runners []*runner
}

// Group is the release's containers, or those of them that which names. One that
// is not healthy within patience gets requests all the same.
func (s *Containers) Group(r state.Release, patience time.Duration, which func(name string) bool) *Group {
	r.Settings = s.withVolumes(r)
	g := &Group{Release: r}
	var first *runner
	for i, name := range r.Containers(s.Slot.Color) {
		one := &runner{
			slot: s, release: r, name: name, index: i, first: first,
			patience: patience, known: known(s.Known, name), output: s.Output.of(i, r.Count()),
		}
		if i == 0 {
			first = one
		}
		if which == nil || which(name) {
			g.runners = append(g.runners, one)
		}
	}
	g.Pool = carry.NewPool(len(g.runners))
	return g
}

// withVolumes are the release's settings with all volumes that the app has by
// now: an older release may not know one that a later image has declared.
func (s *Containers) withVolumes(r state.Release) json.RawMessage {
	others, err := s.Paths.OtherSettings(r.App, r.Number)
	if err != nil {
		s.Log("%v", err)
		return r.Settings
	}
	settings, _, err := volume.Share(r.Settings, others...)
	if err != nil {
		s.Log("release %d: %v", r.Number, err)
		return r.Settings
	}
	return settings
}

// Begin looks after the containers from now on.
func (g *Group) Begin() {
	for _, r := range g.runners {
		r.begin()
	}
}

// End leaves the containers as they are and stops looking after them. Their
// upstreams can be used until Free.
func (g *Group) End() {
	for _, r := range g.runners {
		if r.cancel != nil {
			r.cancel()
		}
	}
	for _, r := range g.runners {
		r.end()
	}
}

// Free gives up what reaching the containers needed.
func (g *Group) Free() {
	for _, r := range g.runners {
		r.free()
	}
}

// Whole tells whether it has all containers of the release.
func (g *Group) Whole() bool { return len(g.runners) == g.Release.Count() }

// Prepare creates the containers that are missing, and starts none.
func (g *Group) Prepare(ctx context.Context, e Engine) error {
	for _, r := range g.runners {
		if _, err := r.create(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Route lets connections go to the healthy containers, or while there are none
// to those that unhealthy says are to be used all the same. It tells whether any
// takes connections.
func (g *Group) Route(unhealthy func(Condition) bool) bool {
	list, healthy := g.conditions()
	open := false
	for i, c := range list {
		var up carry.Upstream
		if c.up != nil && (c.Phase == state.PhaseHealthy || healthy == 0 && unhealthy(c)) {
			up, open = c.up, true
		}
		g.Pool.Set(i, up)
	}
	return open
}

func (g *Group) conditions() (list []Condition, healthy int) {
	list = make([]Condition, len(g.runners))
	for i, r := range g.runners {
		list[i] = r.condition()
		if list[i].Phase == state.PhaseHealthy {
			healthy++
		}
	}
	return list, healthy
}

// badness orders the phases of a container.
var badness = map[string]int{state.PhaseHealthy: 0, state.PhaseStarting: 1, state.PhaseWaiting: 2, state.PhaseFailed: 3}

// Worst is the container that does worst, the first of them.
func (g *Group) Worst() (name string, c Condition) {
	list, _ := g.conditions()
	at := 0
	for i, c := range list {
		if badness[c.Phase] > badness[list[at].Phase] {
			at = i
		}
	}
	return g.runners[at].name, list[at]
}

// Condition is that of all together: of the one that does worst, but healthy if
// one healthy container is enough.
func (g *Group) Condition(oneIsEnough bool) Condition {
	name, c := g.Worst()
	list, healthy := g.conditions()
	if len(list) == 1 {
		return c
	}
	for _, other := range list {
		if other.Exits > c.Exits {
			c.Exits, c.ExitCode = other.Exits, other.ExitCode
		}
		c.Failures = max(c.Failures, other.Failures)
		c.Silent = cmp.Or(c.Silent, other.Silent)
	}
	if healthy < len(list) {
		said := c.Message
		c.Message = fmt.Sprintf("%d of %d replicas are up", healthy, len(list))
		if said != "" {
			c.Message += fmt.Sprintf("; %s: %s", name, said)
		}
	}
	if oneIsEnough && healthy > 0 {
		c.Phase = state.PhaseHealthy
	}
	return c
}

// Report is the containers one by one; nil if there is only one.
func (g *Group) Report() []state.Replica {
	if g.Release.Count() == 1 {
		return nil
	}
	var out []state.Replica
	for i, r := range g.runners {
		c := r.condition()
		c.Container = r.name
		c.Open, c.Served = g.Pool.Counts(i)
		out = append(out, c.Replica)
	}
	return out
}

// known is what an earlier process knew of the slot's container name.
func known(st state.SlotStatus, name string) state.Replica {
	for _, r := range st.Replicas {
		if r.Container == name {
			return r
		}
	}
	return state.Replica{Phase: st.Phase, ContainerID: st.ContainerID, Started: st.Started}
}

package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"edgeman/deployer/docker/volume"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// replicas are the containers that run one release in a slot. Each has a runner
// of its own, so one that dies comes back by its own back-off and the others do
// not notice. With one container they are just that container.
type replicas struct {
	host    *host
	release state.Release
	runners []*runner
	pool    *pool
}

// newReplicas are the release's containers, or those of them that which names.
func (k *keeper) newReplicas(r state.Release, which func(name string) bool) *replicas {
	r.Settings = k.withVolumes(r)
	g := &replicas{host: k.host, release: r}
	var first *runner
	for i, name := range r.Containers(k.slot.Color) {
		one := k.newRunner(r, i)
		one.first = first
		if i == 0 {
			first = one
		}
		if which == nil || which(name) {
			g.runners = append(g.runners, one)
		}
	}
	g.pool = newPool(len(g.runners))
	return g
}

// withVolumes are the release's settings with all volumes that the app has by
// now: an older release may not know one that a later image has declared.
func (k *keeper) withVolumes(r state.Release) json.RawMessage {
	others, err := k.paths.OtherSettings(r.App, r.Number)
	if err != nil {
		k.host.say("%v", err)
		return r.Settings
	}
	settings, _, err := volume.Share(r.Settings, others...)
	if err != nil {
		k.host.say("release %d: %v", r.Number, err)
		return r.Settings
	}
	return settings
}

// run looks after the release's containers from now on, or after those of them
// that which names.
func (k *keeper) run(r state.Release, which func(name string) bool) {
	k.replicas = k.newReplicas(r, which)
	k.replicas.begin()
}

// newRunner is for the release's container at index.
func (k *keeper) newRunner(r state.Release, index int) *runner {
	name := r.Containers(k.slot.Color)[index]
	return &runner{
		host: k.host, slot: k.slot, release: r, name: name, index: index,
		changed: func() { poke(k.changes) },
		// Through the socket a probe would reach any of several.
		through:  func() bool { return r.Count() == 1 && k.through.Load() },
		socket:   k.slot.SocketPath(k.paths.Run),
		held:     k.frozen.Load,
		keep:     k.wanted,
		patience: k.patience(),
		known:    known(k.known, name),
		output:   k.output.of(index, r.Count()),
	}
}

// wanted tells the containers that a link of this slot names from leftovers. What
// is next is looked at first: it may take the other's place in between.
func (k *keeper) wanted(container string) bool {
	for _, named := range []func(sockets.Slot) (state.Release, bool, error){k.paths.NextRelease, k.paths.SlotRelease} {
		r, ok, err := named(k.slot)
		if err != nil || ok && (slices.Contains(r.Containers(k.slot.Color), container) || r.Holder(k.slot.Color) == container) {
			return true
		}
	}
	return false
}

func (g *replicas) begin() {
	for _, r := range g.runners {
		r.begin()
	}
}

// end leaves the containers as they are and stops looking after them.
func (g *replicas) end() {
	for _, r := range g.runners {
		if r.cancel != nil {
			r.cancel()
		}
	}
	for _, r := range g.runners {
		r.end()
	}
}

// free gives up what reaching the containers needed.
func (g *replicas) free() {
	for _, r := range g.runners {
		r.free()
	}
}

// prepare creates the containers that are missing, and starts none.
func (g *replicas) prepare(ctx context.Context, e engine) error {
	for _, r := range g.runners {
		if _, err := r.create(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// settle lets connections go to the healthy containers, or while there are none
// to those that spare says are to be used all the same. It tells whether any
// takes connections.
func (g *replicas) settle(spare func(condition) bool) bool {
	list, healthy := g.conditions()
	open := false
	for i, c := range list {
		var up upstream
		if c.up != nil && (c.phase == state.PhaseHealthy || healthy == 0 && spare(c)) {
			up, open = c.up, true
		}
		g.pool.set(i, up)
	}
	return open
}

func (g *replicas) conditions() (list []condition, healthy int) {
	list = make([]condition, len(g.runners))
	for i, r := range g.runners {
		list[i] = r.condition()
		if list[i].phase == state.PhaseHealthy {
			healthy++
		}
	}
	return list, healthy
}

// badness orders the phases of a container.
var badness = map[string]int{state.PhaseHealthy: 0, state.PhaseStarting: 1, state.PhaseWaiting: 2, state.PhaseFailed: 3}

// worst is the container that does worst, the first of them.
func (g *replicas) worst() (*runner, condition) {
	list, _ := g.conditions()
	at := 0
	for i, c := range list {
		if badness[c.phase] > badness[list[at].phase] {
			at = i
		}
	}
	return g.runners[at], list[at]
}

// condition is that of all together: of the one that does worst, but healthy if
// one healthy container is enough.
func (g *replicas) condition(oneIsEnough bool) condition {
	r, c := g.worst()
	list, healthy := g.conditions()
	if len(list) == 1 {
		return c
	}
	for _, other := range list {
		if other.exits > c.exits {
			c.exits, c.exitCode = other.exits, other.exitCode
		}
		c.failures = max(c.failures, other.failures)
		c.silent = cmp.Or(c.silent, other.silent)
	}
	if healthy < len(list) {
		c.message = fmt.Sprintf("%d of %d replicas are up", healthy, len(list)) + suffix(r, c)
	}
	if oneIsEnough && healthy > 0 {
		c.phase = state.PhaseHealthy
	}
	return c
}

// suffix says what a replica says.
func suffix(r *runner, c condition) string {
	if c.message == "" {
		return ""
	}
	return fmt.Sprintf("; %s: %s", r.name, c.message)
}

// report are the containers one by one; nil if there is only one.
func (g *replicas) report() []state.Replica {
	if g.release.Count() == 1 {
		return nil
	}
	var out []state.Replica
	for i, r := range g.runners {
		c := r.condition()
		open, served := g.pool.counts(i)
		out = append(out, state.Replica{
			Container: r.name, ContainerID: c.id, Phase: c.phase, Started: c.started, Message: c.message, Probe: c.probe,
			Exits: c.exits, ExitCode: c.exitCode, Failures: c.failures, Open: open, Served: served,
		})
	}
	return out
}

// known is what an earlier process knew of the slot's container name.
func known(st state.SlotStatus, name string) condition {
	for _, r := range st.Replicas {
		if r.Container == name {
			return condition{phase: r.Phase, id: r.ContainerID, started: r.Started}
		}
	}
	return condition{phase: st.Phase, id: st.ContainerID, started: st.Started}
}

// each does the same to several containers at once.
func each(names []string, do func(name string) error) error {
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { errs[i] = do(name) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// stopContainers stops containers, all at the same time.
func (h *host) stopContainers(ctx context.Context, names []string) error {
	return each(names, func(name string) error { return h.stopContainer(ctx, name) })
}

// removeContainers removes stopped containers.
func (h *host) removeContainers(ctx context.Context, names []string) error {
	return each(names, func(name string) error { return h.removeContainer(ctx, name) })
}

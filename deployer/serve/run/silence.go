package run

import (
	"context"
	"errors"
	"fmt"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// An app that was healthy once is not asked again while it answers requests. When
// requests wait in it and nothing comes back, it is: somebody may have paused its
// container, or taken away the network that it had joined.

// life is the running container that a runner looks after, and how to ask it.
type life struct {
	ctx context.Context
	end context.CancelCauseFunc
	e   Engine
	c   docker.Container
	ask probe
}

// AskWhySilent asks each container why nothing comes back from it.
func (g *Group) AskWhySilent() {
	for _, r := range g.runners {
		go r.askWhySilent()
	}
}

// Answers says that something comes back again.
func (g *Group) Answers() {
	for _, r := range g.runners {
		r.forgetSilence()
	}
}

// askWhySilent asks a container that gives nothing back. One that is cut off is
// started anew: nothing will ever come from it.
func (r *runner) askWhySilent() {
	r.mu.Lock()
	l, healthy := r.life, r.now.Phase == state.PhaseHealthy
	r.mu.Unlock()
	if l == nil || !healthy || !r.asking.TryLock() {
		return
	}
	defer r.asking.Unlock()
	why := r.whySilent(l)
	if l.ctx.Err() == nil && why != r.condition().Silent {
		if why != "" {
			r.slot.Log("%s: %s", r.name, why)
		}
		r.set(func(c *Condition) { c.Silent = why })
	}
}

func (r *runner) whySilent(l *life) string {
	ctx, cancel := context.WithTimeout(l.ctx, callLimit)
	defer cancel()
	c, err := l.e.Inspect(ctx, l.c.ID)
	switch {
	case err != nil: // how its life ends is not found out here
	case c.Status == "paused" && !r.slot.Frozen.Load():
		return fmt.Sprintf("the container is paused, and not by edgeman: docker unpause %s", r.name)
	case c.Adrift != "":
		l.end(errors.New(c.Adrift))
		return c.Adrift
	}
	if answer, ok := l.ask(l.ctx); !ok {
		return "nothing comes back from it: " + answer
	}
	return "" // slow, and well
}

// forgetSilence is for one that gives something back again.
func (r *runner) forgetSilence() {
	if r.condition().Silent != "" {
		r.set(func(c *Condition) { c.Silent = "" })
	}
}

package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
)

// An app that was healthy once is not asked again while it answers requests. When
// requests wait in it and nothing comes back, it is: somebody may have paused its
// container, or taken away the network that it had joined.

const (
	silentAfter = 5 * time.Second // without a byte of an answer
	silentAgain = 5 * time.Second // between questions to a silent app
)

// silence is what the keeper remembers of answers that do not come.
type silence struct {
	since time.Time // requests wait, and nothing has come back
	back  uint64    // pieces of answers that had come by then
	asked time.Time
}

// listen tells whether it is time to ask the app why nothing comes back. waits
// says that requests wait for it now, back counts what it ever gave back.
func (s *silence) listen(now time.Time, waits bool, back uint64) (ask bool) {
	if !waits || back != s.back || s.since.IsZero() {
		s.since, s.back, s.asked = now, back, time.Time{}
		return false
	}
	if now.Sub(s.since) < silentAfter || now.Sub(s.asked) < silentAgain {
		return false
	}
	s.asked = now
	return true
}

// listen asks the containers of a slot that lets requests in and gives nothing back.
func (k *keeper) listen() {
	if k.replicas == nil || k.role != live || k.paused {
		k.silence = silence{}
		return
	}
	waits := false
	if k.release.Mode == modeNative {
		n, err := k.host.listener.Pending()
		waits = err == nil && n > 0
	} else {
		// Those that try in vain to reach the app count as well.
		waits = k.open && len(k.front.slots) > k.front.inside.settled()
	}
	ask := k.silence.listen(time.Now(), waits, k.front.inside.back.Load())
	for _, r := range k.replicas.runners {
		switch {
		case ask:
			go r.askAgain()
		case k.silence.asked.IsZero():
			r.heard()
		}
	}
}

// life is the running container that a runner looks after, and how to ask it.
type life struct {
	ctx context.Context
	end context.CancelCauseFunc
	e   engine
	c   docker.Container
	ask probe
}

// askAgain asks a container that gives nothing back. One that is cut off is
// started anew: nothing will ever come from it.
func (r *runner) askAgain() {
	r.mu.Lock()
	l, healthy := r.life, r.now.phase == state.PhaseHealthy
	r.mu.Unlock()
	if l == nil || !healthy || !r.asking.TryLock() {
		return
	}
	defer r.asking.Unlock()
	why := r.whySilent(l)
	if l.ctx.Err() == nil && why != r.condition().silent {
		if why != "" {
			r.host.say("%s: %s", r.name, why)
		}
		r.set(func(c *condition) { c.silent = why })
	}
}

func (r *runner) whySilent(l *life) string {
	var c docker.Container
	err := limited(l.ctx, callLimit, func(ctx context.Context) (err error) {
		c, err = l.e.Inspect(ctx, l.c.ID)
		return err
	})
	switch {
	case err != nil: // how its life ends is not found out here
	case c.Status == "paused" && !r.held():
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

// heard forgets that nothing came back.
func (r *runner) heard() {
	if r.condition().silent != "" {
		r.set(func(c *condition) { c.silent = "" })
	}
}

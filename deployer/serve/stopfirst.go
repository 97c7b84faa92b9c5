package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeman/deployer/serve/run"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// Stop first: a release takes the place of another in the same slot, for apps of
// which no two containers may run at once. Requests wait in the slot's socket.

// replaceRelease puts the next release in the place of the slot's.
func (k *keeper) replaceRelease(ctx context.Context) error {
	next := k.next
	k.outcome = outcome{deadline: k.outcome.deadline, late: k.outcome.late, dead: k.outcome.dead}
	k.settings() // a swap takes what has changed in the app file
	k.endWatch()
	k.log("replacing release %d by %d", k.release.Number, next.Number)
	err := k.stopFirst(ctx, next)
	k.markActive()
	trigger(k.changes) // whatever happened meanwhile has not been looked at
	if ctx.Err() != nil {
		// Stopping: the next start finds the link and begins again.
		return k.containers.Stop(context.WithoutCancel(ctx), next.Containers(k.slot.Color))
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("release %d: %w", next.Number, err), k.dropNext(ctx))
	}
	if k.group == nil {
		k.attendTo(nil)
	}
	if !k.held() && k.release.Mode != run.Native { // there the app itself goes on taking them
		err = errors.Join(err, k.front.Admit())
	}
	return err
}

// dropNext forgets a release that is not to be. A command may ask for another
// by now.
func (k *keeper) dropNext(ctx context.Context) error {
	next := k.next
	err := k.paths.WithdrawNext(ctx, k.slot, next.Number)
	if next.Number == k.release.Number { // a restart: the container is the one to keep
		return err
	}
	names := next.Containers(k.slot.Color)
	return errors.Join(err, k.containers.Stop(ctx, names), k.containers.Remove(ctx, names))
}

// stopFirst stops the slot's containers, starts those of next in their place and
// waits until all are healthy, while requests wait in the slot's socket. On
// failure k.group is nil or that of the release before.
func (k *keeper) stopFirst(ctx context.Context, next state.Release) error {
	r := k.newGroup(next, nil)
	k.progress("creating release %d", next.Number)
	if err := k.containers.With(ctx, r.Prepare); err != nil {
		k.outcome.rejected = &state.Rejected{Release: next.Number, Reason: run.OneLine(err.Error())}
		return err
	}
	k.holdRequests()
	if err := k.emptyApp(ctx, next); err != nil {
		return err
	}
	k.outcome.stopsBy = k.containers.StopsBy(ctx, k.release.Containers(k.slot.Color))
	k.progress("stopping release %d", k.release.Number)
	began := time.Now()
	err := k.stopGroup(ctx)
	k.outcome.stopsBy, k.outcome.stopTook = time.Time{}, took(began)
	k.recount()
	if err != nil {
		return err
	}
	k.progress("starting release %d", next.Number)
	if next.Mode == run.Native {
		k.front.EndHold()
		k.accept(false)
	}
	k.containers.ThroughSocket.Store(false) // in whatever mode next is, nobody accepts here yet
	began = time.Now()
	r.Begin()
	err = k.awaitNext(ctx, r)
	if k.outcome.bootTook = took(began); err == nil {
		err = k.paths.Promote(ctx, k.slot, next.Number)
	}
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, state.ErrNotNext) {
			k.reject(ctx, r, err)
		}
		r.End()
		r.Free()
		return err
	}
	old := k.release
	k.group, k.release = r, next
	if old.Number == next.Number { // a restart
		return nil
	}
	k.warn(k.containers.Remove(ctx, old.Containers(k.slot.Color))) // swept up at the next start
	return nil
}

// took is a time for the record, where zero means that it is not known.
func took(since time.Time) float64 {
	return max(0.001, state.Seconds(time.Since(since)))
}

// progress says how far a replacement is.
func (k *keeper) progress(format string, args ...any) {
	st := k.statusAt(state.PhaseHolding, fmt.Sprintf(format, args...))
	st.Healthy, st.Container = k.condition().Phase == state.PhaseHealthy, k.release.Container(k.slot.Color)
	st.Open, st.Parked = k.front.Gate.Counts()
	st.Deadline, st.StopsBy = k.outcome.deadline, k.outcome.stopsBy
	k.out.publish(k.role, st)
}

// stillNext is an error when the slot is not to run next any more.
func (k *keeper) stillNext(next state.Release) error {
	is, err := k.paths.IsNext(k.slot, next.Number)
	if err == nil && !is {
		return state.ErrNotNext
	}
	return nil // what cannot be read changes nothing
}

// emptyApp waits until nothing is inside the app any more, or the drain's
// deadline has passed. It gives up when the command that asked is gone.
func (k *keeper) emptyApp(ctx context.Context, next state.Release) error {
	d := k.terms(time.Now())
	k.outcome.deadline = d.Deadline
	defer func() { k.outcome.deadline = time.Time{} }()
	k.quiet = quiet{}
	for {
		now := time.Now()
		k.endWebsockets(d.WebsocketsUntil)
		inside, check := k.inside()
		if inside == 0 && (check == lookHolding || k.quiet.lasts(now)) {
			return nil
		}
		if !now.Before(d.Deadline) {
			k.cutOff(inside)
			return nil
		}
		if !k.commandRuns() {
			return errors.New("the command that asked for it has ended")
		}
		if err := k.stillNext(next); err != nil {
			return err
		}
		left := k.front.Conns.Kinds(inside).Of(inside)
		emptied := k.front.Gate.Emptied()
		if check != lookHolding { // they do not pass through here
			left, emptied = words.Plural(inside, "connection"), nil
		}
		k.progress("%s left, cut at %s", left, words.Clock(d.Deadline))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-emptied:
		case <-time.After(check):
		}
	}
}

// inside counts the connections that a replacement must not cut, and says when
// to count again: those that passed this process, or those to a native app that
// no new ones come to.
func (k *keeper) inside() (n int, again time.Duration) {
	if k.release.Mode != run.Native || k.role == live {
		n, _ = k.front.Gate.Counts()
		return n, lookHolding
	}
	_, n = k.count()
	k.quiet.see(n, time.Now())
	return n, quietCheck
}

// awaitNext waits until all of g's containers are healthy. It gives up when its release
// is not the one that is asked for any more.
func (k *keeper) awaitNext(ctx context.Context, g *run.Group) error {
	patience := k.patience()
	if d, ok, err := k.paths.ReadDrain(k.slot); err == nil && ok && d.Start > 0 {
		patience = d.Start // the command's own word
	}
	limit := time.Now().Add(patience)
	for {
		if err := k.stillNext(g.Release); err != nil {
			return err
		}
		c := g.Condition(false)
		switch {
		case c.Phase == state.PhaseHealthy:
			return nil
		case c.Exits >= run.FatalExits:
			return fmt.Errorf("ended %d times, the last time with exit code %d", c.Exits, c.ExitCode)
		case c.Failures >= run.FatalExits:
			return errors.New(c.Message)
		case !time.Now().Before(limit):
			return fmt.Errorf("not healthy within %s", words.Length(patience))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.changes:
		case <-time.After(lookHolding):
		}
	}
}

// reject records why g's release was not taken, with the last output of the
// container that does worst, because it is about to go.
func (k *keeper) reject(ctx context.Context, g *run.Group, reason error) {
	name, c := g.Worst()
	k.outcome.rejected = &state.Rejected{
		Release: g.Release.Number, Container: name, Reason: reason.Error(), Probe: c.Probe, ExitCode: c.ExitCode,
	}
	_ = k.containers.With(ctx, func(ctx context.Context, e run.Engine) (err error) {
		if g.Release.Mode != run.Native {
			at, _ := e.OtherPorts(ctx, name, g.Release.Ports()) // it may have ended
			k.outcome.rejected.Ports, k.outcome.rejected.OnLoopback = at.Text, at.Loopback
		}
		k.outcome.rejected.Output, err = e.Tail(ctx, name, 20)
		return err // the rest is worth saying without it
	})
}

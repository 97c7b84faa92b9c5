package unadopt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/ask"
	"edgeman/deployer/console"
	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
	"edgeman/deployer/words"
)

// AllowUnready is the code of the refusal to give a site back to a container that
// runs and does not answer.
const AllowUnready = "unready"

// notYetError is why a container that runs has not answered in time.
type notYetError struct{ error }

func (e *notYetError) Unwrap() error { return e.error }

func notYet(err error) bool {
	var late *notYetError
	return errors.As(err, &late)
}

// bootLimit bounds the wait for a container that the site depends on: nothing else
// could serve, so the only reason to stop waiting earlier is that Docker says that
// it has ended.
const bootLimit = 10 * time.Minute

// patience is how long the originals may take until they answer: what the
// operator said, else what the app's settings say, or what the app is known to
// need if that is more.
func (h *Host) patience(b giving, all []docker.Container) time.Duration {
	switch {
	case b.given:
		return b.timeout
	case b.keep:
		return max(bootLimit, b.timeout)
	}
	limit := max(b.timeout, 2*h.slowestStart(b.app.Name))
	for _, c := range all {
		if c.Healthcheck != nil {
			limit = max(limit, c.Healthcheck.StartPeriod+b.timeout)
		}
	}
	return limit
}

// slowestStart is the longest that a release of the app has taken to become
// healthy, as far as is remembered.
func (h *Host) slowestStart(app string) time.Duration {
	events, err := h.Paths.History(app)
	if err != nil {
		return 0 // then the settings alone say it
	}
	slowest := 0.0
	for _, e := range events {
		slowest = max(slowest, e.Start, e.Boot)
	}
	return time.Duration(slowest * float64(time.Second))
}

// awaitAnswer asks the container itself: a published port answers before the
// app behind it does. Docker says whether there is anything to wait for. It asks
// once at least: the wait for another container may have used up all the time.
func (h *Host) awaitAnswer(ctx context.Context, b giving, o adoption.Original, id string, deadline time.Time) error {
	var name string
	var silent error
	err := h.Await(ctx, "start", time.Until(deadline), func(w *console.Waiting) (bool, error) {
		c, err := h.Docker.Inspect(ctx, id)
		if err != nil {
			return false, err
		}
		if name = c.Name; !c.Running && c.Status != "restarting" {
			return false, fmt.Errorf("container %s ended with code %d%s", c.Name, c.ExitCode, prefixed(": ", c.Error))
		}
		for _, s := range o.At {
			if silent = b.answersAt(ctx, c, o, s); silent != nil {
				break
			}
		}
		if silent == nil {
			return true, nil
		}
		w.Say("container %s is %s and does not answer yet: %v", c.Name, cmp.Or(c.Status, "running"), silent)
		return false, nil
	})
	switch {
	case errors.Is(err, poll.ErrLate):
		return fmt.Errorf("container %s did not answer within %s: %w", name, words.Length(b.patient), &notYetError{silent})
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("waiting for container %s: %w", name, err)
	}
	return err
}

func prefixed(with, text string) string {
	if text == "" {
		return ""
	}
	return with + text
}

// answersAt asks the container itself where it listens for one of its addresses.
func (b giving) answersAt(ctx context.Context, c docker.Container, o adoption.Original, s adoption.Served) error {
	err := errors.New("it has no address yet")
	for _, to := range c.Destinations(b.portOf(c, s)) {
		if err = b.answers(ctx, o, s, to); err == nil {
			return nil
		}
	}
	return err
}

// answers connects, and asks as the site does for the path that the adopted
// container is known to answer, if there is one and it is asked for there. Whatever it says proves that it
// is there, except that it is not able to. One that is put back after a failed
// adoption ran before, and is not judged by a path that may have been the very
// mistake.
func (b giving) answers(ctx context.Context, o adoption.Original, s adoption.Served, to netip.AddrPort) error {
	dial := ask.TCP(to, ask.Limit)
	if b.undo || b.record.Health == "" || s.Listener != cmp.Or(b.record.HealthListener, o.At[0].Listener) {
		c, err := dial(ctx)
		if err != nil {
			return err
		}
		return c.Close()
	}
	q := ask.Request{Path: b.record.Health, Headers: b.record.Headers, Host: s.Target}
	answer, err := q.Over(ctx, dial)
	if err == nil && answer.Code >= 500 {
		err = fmt.Errorf("%s: %s", q.Path, answer.Status)
	}
	return err
}

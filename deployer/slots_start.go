package deployer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// startSlot fills the slot with r, starts its units and waits until the app in
// it is healthy. On failure the slot is empty again and the error carries the
// container's last words.
func (s *swap) startSlot(ctx context.Context, slot sockets.Slot, r state.Release) (time.Duration, error) {
	start := time.Now()
	// The lock names the candidate before the slot is filled: its service must
	// never find itself filled, not live, and unclaimed.
	if err := s.lock.Candidate(slot); err != nil {
		return 0, err
	}
	if err := s.fill(ctx, slot, r, state.Pause{}); err != nil {
		return 0, errors.Join(fmt.Errorf("starting %s: %w", slot, err), s.abandon(ctx, slot))
	}
	if err := s.awaitHealthy(ctx, slot, r.Number, s.timeout); err != nil {
		err = s.whyNotHealthy(ctx, err, s.ailing(slot, r), r, s.askedPort())
		return 0, errors.Join(err, s.abandon(ctx, slot))
	}
	return time.Since(start), nil
}

// fill makes the slot run r: link first, so that its socket may start. It holds its
// requests back if hold has a reason.
func (h *Host) fill(ctx context.Context, slot sockets.Slot, r state.Release, hold state.Pause) error {
	if err := h.Paths.Fill(slot, r.Number, hold); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, unitWait)
	defer cancel()
	for _, unit := range []string{slot.SocketUnit(), slot.ServiceUnit()} {
		if err := h.startUnit(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// awaitHealthy waits until the slot's service says that release number is
// healthy; it gives up early on a container that keeps dying.
func (h *Host) awaitHealthy(ctx context.Context, slot sockets.Slot, number int, timeout time.Duration) error {
	var st state.SlotStatus
	err := h.await(ctx, "start", timeout, func(w *waiting) (done bool, err error) {
		if st, _, err = h.Paths.ReadSlotStatus(slot); err != nil {
			return false, err
		}
		if st.Release == number {
			switch {
			case st.Whole():
				return true, nil
			case st.Phase == state.PhaseFailed:
				return false, fmt.Errorf("release %d did not start: %s", number, st.Message)
			case st.Exits >= exitsFatal:
				return false, fmt.Errorf("release %d ended %d times, the last time with code %d", number, st.Exits, st.ExitCode)
			}
		}
		w.say("release %d on %s is not healthy yet: %s", number, slot.Color, cmp.Or(st.Probe, st.Message, "its service is starting"))
		return false, nil
	})
	switch {
	case errors.Is(err, poll.ErrLate):
		return unhealthy(slot, number, timeout, st)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("waiting for release %d: %w", number, err)
	}
	return err
}

func unhealthy(slot sockets.Slot, number int, timeout time.Duration, st state.SlotStatus) error {
	what := fmt.Sprintf("release %d did not become healthy within %s", number, words.Length(timeout))
	if st.Phase == "" {
		what += fmt.Sprintf(": %s says nothing", slot.ServiceUnit())
	}
	if st.Probe != "" {
		what += "; last probe: " + st.Probe
	}
	return errors.New(what)
}

// whyNotHealthy adds to err what is to be seen of a new container that did not
// become healthy: that it listens elsewhere, and its last output. way is how to
// say where it does.
func (h *Host) whyNotHealthy(ctx context.Context, err error, container string, r state.Release, way string) error {
	var at locate.Elsewhere
	if r.Mode != "native" { // there the app is asked through the socket that it was given
		at, _ = h.Docker.OtherPorts(context.WithoutCancel(ctx), container, r.Port) // the rest is worth saying without it
	}
	return listensElsewhere(err, at, way, func(err error) error { return h.withLastWords(ctx, err, container) })
}

// listensElsewhere puts where it listens in front of what more adds to err, and the hint
// behind it.
func listensElsewhere(err error, at locate.Elsewhere, way string, more func(error) error) error {
	if at.Text == "" {
		return more(err)
	}
	next := way + " says on which port the app is asked"
	if at.Loopback {
		next = "let the app listen at 0.0.0.0 instead of 127.0.0.1 or localhost: edgeman asks it from outside its container"
	}
	return hint.With(more(fmt.Errorf("%w\n%s", err, at.Text)), "%s", next)
}

// askedPort is where the app file says on which port its app is asked.
func (s *swap) askedPort() string { return "port in " + s.Paths.AppConfig(s.app.Name) }

// withLastWords adds the container's last output to err, for whoever has to
// find out why.
func (h *Host) withLastWords(ctx context.Context, err error, container string) error {
	tail, tailErr := h.Docker.Tail(context.WithoutCancel(ctx), container, tailLines)
	if tailErr != nil {
		return err
	}
	return lastWords(err, container, tail)
}

func lastWords(err error, container, tail string) error {
	if strings.TrimSpace(tail) == "" {
		return fmt.Errorf("%w\n%s printed nothing", err, container)
	}
	return fmt.Errorf("%w\nlast output of %s:\n  | %s", err, container,
		strings.ReplaceAll(strings.TrimRight(tail, "\n"), "\n", "\n  | "))
}

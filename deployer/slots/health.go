package slots

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeman/deployer/console"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/sockets"
)

// Ailing is the container of r in the slot whose last output tells most.
func (h *Host) Ailing(slot sockets.Slot, r state.Release) string {
	st, ok, err := h.Paths.ReadSlotStatus(slot)
	if err == nil && ok && st.Release == r.Number && len(st.Replicas) > 0 {
		return st.Ailing()
	}
	return r.Container(slot.Color)
}

// AwaitHealthy waits until the slot's service says that release number is
// healthy; it gives up early on a container that keeps dying.
func (h *Host) AwaitHealthy(ctx context.Context, slot sockets.Slot, number int, timeout time.Duration) error {
	var st state.SlotStatus
	err := h.Await(ctx, "start", timeout, func(w *console.Waiting) (done bool, err error) {
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
		w.Say("release %d on %s is not healthy yet: %s", number, slot.Color, cmp.Or(st.Probe, st.Message, "its service is starting"))
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

// WhyNotHealthy adds to err what can be seen of a new container that did not
// become healthy: that it listens elsewhere, and its last output. way is how the
// operator can say where it listens.
func (h *Host) WhyNotHealthy(ctx context.Context, err error, container string, r state.Release, way string) error {
	var at locate.Elsewhere
	if r.Mode != "native" { // there the app is asked through the socket that it was given
		at, _ = h.Docker.OtherPorts(context.WithoutCancel(ctx), container, r.Ports()) // the rest is worth saying without it
	}
	return ListensElsewhere(err, at, way, func(err error) error { return h.WithLastWords(ctx, err, container) })
}

// ListensElsewhere adds to err where the container listens, then what more adds,
// and a hint.
func ListensElsewhere(err error, at locate.Elsewhere, way string, more func(error) error) error {
	if at.Text == "" {
		return more(err)
	}
	next := way + " says on which port the app is asked"
	if at.Loopback {
		next = "let the app listen at 0.0.0.0 instead of 127.0.0.1 or localhost: edgeman asks it from outside its container"
	}
	return hint.With(more(fmt.Errorf("%w\n%s", err, at.Text)), "%s", next)
}

// WithLastWords adds the container's last output to err, for whoever has to
// find out why.
func (h *Host) WithLastWords(ctx context.Context, err error, container string) error {
	tail, tailErr := h.Docker.Tail(context.WithoutCancel(ctx), container, tailLines)
	if tailErr != nil {
		return err
	}
	return LastWords(err, container, tail)
}

func LastWords(err error, container, tail string) error {
	if strings.TrimSpace(tail) == "" {
		return fmt.Errorf("%w\n%s printed nothing", err, container)
	}
	return fmt.Errorf("%w\nlast output of %s:\n  | %s", err, container,
		strings.ReplaceAll(strings.TrimRight(tail, "\n"), "\n", "\n  | "))
}

package adopt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/netip"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/ask"
	"edgeman/deployer/docker/locate"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
)

// AllowUnproven accepts that what answers at the address could not be shown to
// be the app in the container.
const AllowUnproven = "unproven"

// prove shows that what answers at the way's target i is the app in its container: by what
// Docker and the kernel know, and by one answer from the address and one from the
// container itself.
func (h *Host) prove(ctx context.Context, o Options, c *candidate, w way, i int) error {
	t, ct := w.targets[i], c.containers[i]
	var err error
	for n := 0; n < len(w.dialled[i]) && err == nil; n++ {
		err = h.Docker.Confirm(ctx, ct, w.port, w.dialled[i][n])
	}
	if err == nil && t.Protocol == "http" {
		err = h.compareOwn(ctx, o, *c, w, i)
	}
	var doubt *locate.Doubt
	switch {
	case !errors.As(err, &doubt):
		return err
	case doubt.Nobody && o.Container != "" && !answersAt(ctx, t.Addr):
		return nil // nobody could be taken for the container that the operator names
	case slices.Contains(o.Allow, AllowUnproven):
		c.warnings = append(c.warnings, "it is not shown that the site is served by container "+ct.Name+": "+doubt.Reason)
		return nil
	}
	next := cmp.Or(doubt.Hint(), "--container and --port say which container it is")
	return hint.With(outcome.Refuse("%s: it cannot be shown that %s is served by container %s: %s", placeOf(t), spelled(t.Address, t.Addr), ct.Name, doubt.Reason),
		"%s; --allow-%s goes on all the same", next, AllowUnproven)
}

const (
	compareTries = 3
	compareEvery = 200 * time.Millisecond
	ownDial      = 2 * time.Second // to a container that this host may not reach
)

// compareOwn compares answers from the target's address with those from the
// container's own. Where either cannot be had there is nothing to compare.
func (h *Host) compareOwn(ctx context.Context, o Options, c candidate, w way, i int) error {
	t, ct := w.targets[i], c.containers[i]
	own := ct.Destinations(w.port)
	if ct.NetworkMode == "host" || len(own) == 0 || slices.Contains(own, t.Addr) {
		return nil
	}
	q := c.question(o, w)
	differ, err := differing(ctx, q, ask.TCP(t.Addr, ask.Limit), ask.TCP(own[0], ownDial), time.Now().Add(compareTries*compareEvery))
	if err == nil && differ != "" {
		err = &locate.Doubt{Reason: fmt.Sprintf("GET %s there, and at the container's own %s: %s", q.Path, own[0], differ)}
	}
	return err
}

// question is the request by which answers of a way are compared.
func (c candidate) question(o Options, w way) ask.Request {
	q := ask.Request{Path: "/", Headers: w.sends(o), Host: "edgeman"}
	if w.port == c.healthWay(o).port {
		q.Path = cmp.Or(state.HealthPath(o.Health), "/")
	}
	return q
}

func answersAt(ctx context.Context, at netip.AddrPort) bool {
	conn, err := ask.TCP(at, ownDial)(ctx)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// differing sends both the same request until an answer of the one is like an
// answer of the other, or until the deadline; then it says how they differ. It is
// also "" when one of them does not speak HTTP, which proves nothing.
func differing(ctx context.Context, q ask.Request, one, other ask.Dialer, deadline time.Time) (string, error) {
	var ones, others []string
	err := poll.Until(ctx, time.Until(deadline), compareEvery, func() (bool, error) {
		a, err := q.Over(ctx, one)
		if err != nil {
			return true, context.Cause(ctx)
		}
		b, err := q.Over(ctx, other)
		if err != nil {
			return true, context.Cause(ctx)
		}
		ones, others = append(ones, likeness(a)), append(others, likeness(b))
		return slices.ContainsFunc(ones, func(s string) bool { return slices.Contains(others, s) }), nil
	})
	if errors.Is(err, poll.ErrLate) {
		return fmt.Sprintf("%q at the one, %q at the other", ones[len(ones)-1], others[len(others)-1]), nil
	}
	return "", err
}

// likeness is what two answers of one app to one request have in common, whatever
// is in their bodies: status, type, and what the app says that it is.
func likeness(a ask.Answer) string {
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		kind = a.Header.Get("Content-Type")
	}
	words := []string{a.Status}
	for _, w := range []string{kind, a.Header.Get("Server"), a.Header.Get("X-Powered-By")} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

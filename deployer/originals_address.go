package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A container whose own address nginx's file names has to get just that one
// again. Docker gives a starting container the lowest that is free, and to the
// app's later containers it may have given the original's.

// byAddress are the indexes of originals by address, the lowest first: in that
// order Docker gives addresses away.
func byAddress(originals []Original) []int {
	var order []int
	for i := range originals {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return originals[i].Address.Compare(originals[j].Address) })
	return order
}

// freeAddresses makes the app's own containers give up the addresses of originals
// that do not run: a new container of the live release gets another one, beside
// the old one, and takes its place.
func (h *Host) freeAddresses(ctx context.Context, b back, all []docker.Container) error {
	for i, o := range b.record.originals() {
		if !o.Direct || all[i].Running {
			continue
		}
		holder, held, err := h.addressHolder(ctx, o)
		if err != nil {
			return err
		}
		if held && holder.Labels["edgeman.app"] == b.app.Name {
			if err := h.giveUpAddress(ctx, b, holder, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// addressHolder is the container that has an original's address now.
func (h *Host) addressHolder(ctx context.Context, o Original) (docker.Container, bool, error) {
	serving, err := h.Docker.Serving(ctx, o.Address)
	for _, s := range serving {
		if ownAddress(s.Container, o.Address.Addr()) {
			return s.Container, true, err
		}
	}
	return docker.Container{}, false, err
}

func (h *Host) giveUpAddress(ctx context.Context, b back, holder docker.Container, o Original) error {
	slot, live, filled, err := h.served(b.app.Name)
	if err != nil || !filled {
		return err
	}
	h.note("%s has the address %s of container %s now: a new container takes its place first", holder.Name, o.Address.Addr(), o.Container)
	if err := h.clearSlot(ctx, slot.Other(), false); err != nil {
		return err
	}
	if !slices.Contains(live.Containers(slot.Color), holder.Name) {
		return nil // the other slot's: it has ended
	}
	_, err = h.toOther(ctx, b, slot, live, func(other sockets.Slot) error {
		if err := h.fill(ctx, other, live); err != nil {
			return err
		}
		return h.awaitHealthy(ctx, other, live.Number, b.patient)
	})
	return err
}

// toOther makes the live release serve in the other slot and waits until its old
// one has drained and is empty. start fills the other slot and waits until it may
// take over.
func (h *Host) toOther(ctx context.Context, b back, old sockets.Slot, live state.Release, start func(sockets.Slot) error) (switched bool, err error) {
	other := old.Other()
	if err := b.lock.Candidate(other); err != nil {
		return false, err
	}
	err = start(other)
	if err == nil {
		err = h.point(ctx, old, live.Number, b.app.DrainTerms(time.Now(), b.drain), func() error { return nil })
	}
	if err != nil {
		return false, errors.Join(err, h.abandon(ctx, other))
	}
	if err := b.lock.Candidate(sockets.Slot{}); err != nil {
		return true, err
	}
	return true, h.clearSlot(ctx, old, false)
}

// addressLost says who has the address that an original did not get.
func (h *Host) addressLost(ctx context.Context, c docker.Container, o Original) error {
	holder, held, err := h.addressHolder(ctx, o)
	hint := "docker network inspect shows which addresses are taken; a container gets the lowest free one"
	if err == nil && held {
		hint = fmt.Sprintf("container %s has it: docker stop %s, and start it again afterwards", holder.Name, holder.Name)
		if app := holder.Labels["edgeman.app"]; app != "" {
			hint = fmt.Sprintf("the app %s has it: edgeman restart %s makes it take another one", app, app)
		}
	}
	return fmt.Errorf("container %s did not get its address %s back, which nginx's file names\nhint: %s", c.Name, o.Address.Addr(), hint)
}

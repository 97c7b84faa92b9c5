package unadopt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// A container whose own address nginx's file names has to get that same address
// again. Docker gives a starting container the lowest free one, and may have given
// the original's to a container that edgeman made later.

// byAddress are the indexes of originals by their first addresses, the lowest
// first: in that order Docker gives addresses away.
func byAddress(originals []adoption.Original) []int {
	var order []int
	for i := range originals {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return originals[i].At[0].Address.Compare(originals[j].At[0].Address) })
	return order
}

// freeAddresses makes edgeman's own containers, of this app or another, give up
// the addresses of originals that do not run. taken has to be called once these
// are taken.
func (h *Host) freeAddresses(ctx context.Context, b giving, all []docker.Container) (taken func() error, err error) {
	var after []func() error
	taken = func() error {
		var errs []error
		for _, f := range after {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	for i, o := range b.record.Originals() {
		ip, direct := o.Direct()
		if !direct || all[i].Running {
			continue
		}
		holder, held, err := h.addressHolder(ctx, ip)
		if err != nil {
			return taken, err
		}
		if app := holder.Labels[label.App]; held && app != "" {
			h.Note("%s now has the address %s of container %s, and takes another one first", holder.Name, ip, o.Container)
			f, err := h.giveUpAddress(ctx, b, app, holder.Name)
			after = append(after, f)
			if err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

// addressHolder is the container that has an original's own address now.
func (h *Host) addressHolder(ctx context.Context, ip netip.Addr) (holder docker.Container, held bool, err error) {
	running, err := h.Docker.List(ctx, nil, false)
	i := slices.IndexFunc(running, func(c docker.Container) bool { return c.Owns(ip) })
	if err != nil || i < 0 {
		return docker.Container{}, false, err
	}
	return running[i], true, nil
}

// giveUpAddress makes a container of an app take another address: a new one of
// the live release starts beside it and takes its place. Where the two must not
// run at the same time, it stops, and requests wait until taken is called.
func (h *Host) giveUpAddress(ctx context.Context, b giving, app, holder string) (taken func() error, err error) {
	taken = func() error { return nil }
	if app != b.app.Name {
		other, err := h.otherBack(ctx, app)
		if err != nil {
			return taken, err
		}
		other.patient = max(other.timeout, 2*h.slowestStart(app))
		b, taken = other, func() error { other.lock.Unlock(); return nil }
	}
	slot, live, filled, err := slots.Served(h.Paths, app)
	if err != nil || !filled {
		return taken, err
	}
	if err := h.ClearSlot(ctx, slot.Other(), false); err != nil {
		return taken, err
	}
	if !slices.Contains(live.Containers(slot.Color), holder) {
		return taken, nil // it was the other slot's, and has ended
	}
	w, err := h.makeWay(ctx, b, nil, false)
	if w != nil {
		unlock := taken
		return func() error { return errors.Join(w.close(h), unlock()) }, err
	}
	if err == nil {
		_, err = h.toOther(ctx, b, slot, live, func(other sockets.Slot) error {
			if err := h.Fill(ctx, other, live, state.Pause{}); err != nil {
				return err
			}
			return h.AwaitHealthy(ctx, other, live.Number, b.patient)
		})
	}
	return taken, err
}

// otherBack locks another app, on which nothing may be half-done.
func (h *Host) otherBack(ctx context.Context, name string) (giving, error) {
	app, err := h.Paths.ReadApp(name)
	if err != nil {
		return giving{}, err
	}
	lock, err := h.TakeLock(ctx, name, "restart")
	if err != nil {
		return giving{}, err
	}
	record, err := adoption.Read(h.Paths, name)
	if err == nil {
		var begun bool
		if _, begun, err = h.Paths.ReadOperation(name); begun {
			err = hint.With(fmt.Errorf("a command on %s was interrupted", name), "edgeman repair %s", name)
		}
	}
	if err != nil {
		lock.Unlock()
	}
	return newGiving(app, record, lock), err
}

// toOther makes the live release serve in the other slot and waits until its old
// one has drained and is empty. start fills the other slot and waits until it may
// take over.
func (h *Host) toOther(ctx context.Context, b giving, old sockets.Slot, live state.Release, start func(sockets.Slot) error) (switched bool, err error) {
	other := old.Other()
	if err := b.lock.Candidate(other); err != nil {
		return false, err
	}
	err = start(other)
	if err == nil {
		err = h.Paths.Switch(ctx, old, live.Number, b.app.DrainTerms(time.Now(), b.drain), nil)
	}
	if err != nil {
		return false, errors.Join(err, h.Abandon(ctx, other))
	}
	if err := b.lock.Candidate(sockets.Slot{}); err != nil {
		return true, err
	}
	return true, h.ClearSlot(ctx, old, false)
}

// refuseTaken refuses to begin while a container that is not edgeman's has the
// address of an original.
func (h *Host) refuseTaken(ctx context.Context, record adoption.Record) error {
	for _, o := range record.Originals() {
		ip, direct := o.Direct()
		if !direct {
			continue
		}
		holder, held, err := h.addressHolder(ctx, ip)
		if err != nil {
			return err
		}
		if held && holder.ID != o.ContainerID && holder.Name != o.Container && holder.Labels[label.App] == "" {
			return hint.With(outcome.Refuse("container %s now has the address %s, which nginx's file names and container %s needs", holder.Name, ip, o.Container),
				"docker stop %s, edgeman unadopt %s, docker start %s", holder.Name, record.App, holder.Name)
		}
	}
	return nil
}

// addressLost is an original that did not get its address.
func addressLost(c docker.Container, ip netip.Addr) error {
	return hint.With(fmt.Errorf("container %s did not get its address %s back, which nginx's file names: Docker gave it a lower one that had become free", c.Name, ip),
		"docker network inspect shows which are taken; first start, or give back, the containers that had the lower ones")
}

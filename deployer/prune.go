package deployer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/volume"
	"edgeman/deployer/poll"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// prune forgets the app's oldest releases beyond what it retains, and their
// images if no release of any app on this host is left that names them and they
// can be pulled again. It runs after a swap has succeeded, so what goes wrong
// here is only said.
func (s *swap) prune(ctx context.Context) {
	if err := s.forget(ctx); err != nil {
		s.note("old releases of %s stay for now: %v", s.app.Name, err)
	}
}

func (s *swap) forget(ctx context.Context) error {
	numbers, err := s.Paths.ReleaseNumbers(s.app.Name)
	if err != nil || len(numbers) <= s.app.Retain {
		return err
	}
	keep := map[int]bool{s.next.Number: true, s.current.Number: true}
	for _, slot := range []sockets.Slot{s.old, s.old.Other()} {
		if r, filled, err := s.Paths.SlotRelease(slot); err != nil {
			return err
		} else if filled {
			keep[r.Number] = true
		}
	}
	var forgotten []state.Release
	for _, n := range numbers[:len(numbers)-s.app.Retain] {
		if keep[n] {
			continue
		}
		r, err := s.Paths.ReadRelease(s.app.Name, n)
		if err != nil {
			return err
		}
		if err := s.Paths.RemoveRelease(s.app.Name, n); err != nil {
			return err
		}
		forgotten = append(forgotten, r)
	}
	return s.removeImages(ctx, forgotten)
}

// removeImages deletes the images of these releases that none on record needs.
// One that was made here stays: nobody could give it back. Docker itself refuses
// when a container, of ours or not, still uses one.
func (s *swap) removeImages(ctx context.Context, forgotten []state.Release) error {
	needed, err := s.neededImages()
	if err != nil {
		return err
	}
	for _, r := range forgotten {
		if needed[r.ImageID] {
			continue
		}
		image, err := s.Docker.Image(ctx, r.ImageID)
		if errors.Is(err, docker.ErrNotFound) {
			continue // removed already, or by somebody else
		}
		if err != nil {
			return err
		}
		if !image.Pullable() {
			continue
		}
		removed, err := s.Docker.RemoveImage(ctx, r.ImageID)
		if err != nil {
			return err
		}
		if removed {
			s.step("prune", "release %d forgotten, image %s removed", r.Number, r.Image)
		}
	}
	return nil
}

// forgetRelease removes a record of what never served, unless a slot still names
// it, and the volumes that were made for it alone.
func (h *Host) forgetRelease(ctx context.Context, app string, number int) error {
	for _, slot := range slotsOf(app) {
		for _, named := range []func(sockets.Slot) (state.Release, bool, error){h.Paths.SlotRelease, h.Paths.NextRelease} {
			if r, ok, err := named(slot); err != nil {
				return err
			} else if ok && r.Number == number {
				return fmt.Errorf("release %d stays on record: %s still names it", number, slot)
			}
		}
	}
	volumes, err := h.volumesOf(app, number)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if err := h.removeVolume(ctx, v.Name); err != nil {
			return err
		}
	}
	return h.Paths.RemoveRelease(app, number)
}

// volumesOf are the volumes that were made for release number and that no other
// has.
func (h *Host) volumesOf(app string, number int) ([]definition.Volume, error) {
	r, err := h.Paths.ReadRelease(app, number)
	if errors.Is(err, state.ErrNoRelease) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	others, err := h.Paths.OtherSettings(app, number)
	if err != nil {
		return nil, err
	}
	volumes, err := volume.Declared(r.Settings, app)
	for _, o := range others {
		also, e := volume.Declared(o, app)
		err = errors.Join(err, e)
		volumes = slices.DeleteFunc(volumes, func(v definition.Volume) bool { return slices.Contains(also, v) })
	}
	return volumes, err
}

// removeVolume waits for the container that has it to be gone: the slot's
// service removes containers, too.
func (h *Host) removeVolume(ctx context.Context, name string) error {
	ctx = context.WithoutCancel(ctx)
	var last error
	_ = poll.Until(ctx, unitWait, pollEvery, func() (bool, error) {
		last = h.Docker.RemoveVolume(ctx, name)
		return last == nil, nil
	})
	return last
}

// neededImages are those of every release on record, and of every adopted
// container: release may have to make it again.
func (h *Host) neededImages() (map[string]bool, error) {
	apps, err := h.Paths.AppNames()
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, app := range apps {
		if a, err := readAdoption(h.Paths, app); err == nil {
			needed[a.ImageID] = true
		} else if !errors.Is(err, ErrNotAdopted) {
			return nil, err
		}
		numbers, err := h.Paths.ReleaseNumbers(app)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			r, err := h.Paths.ReadRelease(app, n)
			if err != nil {
				return nil, err
			}
			needed[r.ImageID] = true
		}
	}
	return needed, nil
}

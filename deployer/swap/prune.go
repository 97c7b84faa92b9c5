package swap

import (
	"context"
	"errors"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// prune forgets the app's oldest releases beyond what it retains, and their
// images if no release of any app on this host is left that names them and they
// can be pulled again.
func (s *swap) prune(ctx context.Context) error {
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
// One that was built here stays: it could not be pulled again. Docker itself refuses
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
			s.Step("prune", "release %d forgotten, image %s removed", r.Number, r.Image)
		}
	}
	return nil
}

// neededImages are those of every release on record, and of every adopted
// container: unadopt may have to recreate it.
func (h *Host) neededImages() (map[string]bool, error) {
	apps, err := h.Paths.AppNames()
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, app := range apps {
		if a, err := adoption.Read(h.Paths, app); err == nil {
			needed[a.ImageID] = true
		} else if !errors.Is(err, adoption.ErrNone) {
			return nil, err
		}
		releases, err := h.Paths.ReadReleases(app)
		if err != nil {
			return nil, err
		}
		for _, r := range releases {
			needed[r.ImageID] = true
		}
	}
	return needed, nil
}

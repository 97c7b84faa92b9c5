package swap

import (
	"slices"
	"strings"
	"time"

	"edgeman/deployer/data"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/volume"
)

// takeOver puts what has changed on the live container into the next release.
func (s *swap) takeOver(live adoptable.Live) {
	s.Notes(live.Notes)
	s.next.Settings = live.Settings
	s.next.StopFirst = append(slices.Clip(s.next.StopFirst), live.StopFirst...)
	if len(live.Changed) > 0 {
		s.Step("settings", "changed on the live container since it was created, and kept: %s", strings.Join(live.Changed, ", "))
	}
}

// sayLost tells what a release that runs as it was recorded does not keep.
func (s *swap) sayLost(live adoptable.Live) {
	s.Notes(live.Notes)
	if len(live.Changed) > 0 {
		s.Note("release %d runs as it was recorded, without the changes made on the live container since: %s",
			s.next.Number, strings.Join(live.Changed, ", "))
		s.Hint("edgeman swap %s %s keeps them", s.app.Name, s.next.Image)
	}
}

// shareVolumes gives the next release the volumes of all releases of the app.
func (s *swap) shareVolumes() error {
	settings, added, err := s.Data.WithVolumes(s.next)
	if err != nil {
		return err
	}
	s.next.Settings = settings
	s.next.StopFirst = data.WritesTo(s.next.StopFirst, added)
	return nil
}

// nameVolumes gives the next release a volume for each VOLUME that its image is
// the first to declare. The old container does not have it, so the two may run
// beside each other; from then on no two may.
func (s *swap) nameVolumes(image docker.Image) error {
	settings, added, err := volume.AddDeclared(s.next.Settings, image, s.app.Name, func(target string) string {
		return volume.NewName(s.app.Name, target, time.Now().UTC().Format("20060102150405"))
	})
	if err != nil {
		return err
	}
	s.next.Settings = settings
	s.next.StopFirst = data.WritesTo(s.next.StopFirst, added)
	for _, v := range added {
		s.Step("volume", "%s at %s, which this image declares; the app keeps it once this release serves", v.Name, v.Target)
	}
	return nil
}

package definition

import (
	"slices"

	"github.com/docker/docker/api/types/container"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// EffectiveCommand follows the Engine's rule: the image's command counts only
// when no entrypoint was given, its entrypoint only when none was given.
func EffectiveCommand(entrypoint, cmd []string, img inspect.ImageConfig) ([]string, []string) {
	if len(entrypoint) == 0 {
		if len(cmd) == 0 {
			cmd = img.Config.Cmd
		}
		entrypoint = img.Config.Entrypoint
	}
	if len(entrypoint) == 1 && entrypoint[0] == "" {
		entrypoint = nil
	}
	return entrypoint, cmd
}

// subtractCommand leaves Entrypoint and Cmd in f only where the operator set
// them. The Engine takes the image's command only if neither is given, so an
// entrypoint without a command says as much as one with.
func subtractCommand(f rawjson.Object, c *container.Config, img dockerspec.DockerOCIImageConfig) {
	sameEntrypoint := slices.Equal([]string(c.Entrypoint), img.Entrypoint)
	sameCmd := slices.Equal([]string(c.Cmd), img.Cmd)
	f.Drop("Entrypoint", "Cmd")
	switch {
	case sameEntrypoint && sameCmd:
	case sameEntrypoint && len(c.Cmd) > 0:
		f.Set("Cmd", c.Cmd)
	default:
		ep := []string(c.Entrypoint)
		if len(ep) == 0 {
			ep = []string{""} // the Engine's way to say: none, not even the image's
		}
		f.Set("Entrypoint", ep)
		f.SetFilled("Cmd", c.Cmd)
	}
}

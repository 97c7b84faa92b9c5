package definition

import (
	"path"
	"regexp"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/inspect"
)

// AnonymousName is the name the daemon gives to a volume nobody named.
var AnonymousName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// AnonymousVolumes are the volumes that live and die with the container: nobody
// named them and no --volumes-from brought them.
func AnonymousVolumes(in container.InspectResponse) []container.MountPoint {
	named, ours := map[string]bool{}, map[string]bool{}
	for dest := range in.Config.Volumes {
		ours[path.Clean(dest)] = true
	}
	for _, m := range in.HostConfig.Mounts {
		target := path.Clean(m.Target)
		ours[target] = true
		named[target] = m.Source != ""
	}
	for _, b := range in.HostConfig.Binds {
		if dest := bindDestination(b); dest != "" {
			named[dest] = true
		} else {
			ours[path.Clean(b)] = true
		}
	}
	var out []container.MountPoint
	for _, m := range in.Mounts {
		if m.Type == mount.TypeVolume && AnonymousName.MatchString(m.Name) && !named[m.Destination] && ours[m.Destination] {
			out = append(out, m)
		}
	}
	return out
}

// Short is a volume's name for people, who have not chosen one of 64 digits.
func Short(name string) string {
	if AnonymousName.MatchString(name) {
		return inspect.Short(name)
	}
	return name
}

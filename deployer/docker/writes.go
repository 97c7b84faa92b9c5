package docker

import "github.com/docker/docker/api/types/mount"

// Writes are the volumes and the paths of the host that the container may write to.
func (ct Container) Writes() []string {
	in, err := parseInspect(ct.Raw)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range in.Mounts {
		switch {
		case !m.RW:
		case m.Type == mount.TypeVolume:
			out = append(out, m.Name)
		case m.Type == mount.TypeBind:
			out = append(out, m.Source)
		}
	}
	return out
}

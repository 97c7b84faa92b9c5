package definition

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// HostConfig is the container's HostConfig as it is sent to make another: with
// its mounts resolved and without what was particular to that one run.
func HostConfig(in inspect.Answer) (rawjson.Object, error) {
	f := in.Raw.HostConfig.Clone()
	f.Drop("ContainerIDFile", "ConsoleSize")
	if err := resolveMounts(f, in); err != nil {
		return nil, err
	}
	f.Set("NetworkMode", inspect.NetworkMode(in.InspectResponse))
	f.SetFilled("Links", legacyLinks(in.HostConfig.Links))
	// An empty list here is `--security-opt systempaths=unconfined`; the usual
	// list is the daemon's own, and a newer daemon's may be longer.
	f.DropZero(container.HostConfig{})
	keepPaths(f, "MaskedPaths", in.HostConfig.MaskedPaths, "/proc/kcore", "/proc/keys", "/proc/timer_list")
	keepPaths(f, "ReadonlyPaths", in.HostConfig.ReadonlyPaths, "/proc/bus", "/proc/fs", "/proc/sys")
	// Engines before 23 spell out these defaults.
	for k, v := range map[string]string{"KernelMemory": "0", "KernelMemoryTCP": "0", "OomKillDisable": "false", "PidsLimit": "0"} {
		if string(f[k]) == v {
			f.Drop(k)
		}
	}
	return f, nil
}

// keepPaths drops a list that looks like the daemon's default: the paths that
// every version has are in it, and nothing outside /proc and /sys.
func keepPaths(f rawjson.Object, member string, list []string, always ...string) {
	missing := func(p string) bool { return !slices.Contains(list, p) }
	others := func(p string) bool { return !strings.HasPrefix(p, "/proc/") && !strings.HasPrefix(p, "/sys/") }
	if list != nil && len(list) == 0 {
		f.Set(member, []string{})
	} else if !slices.ContainsFunc(always, missing) && !slices.ContainsFunc(list, others) {
		f.Drop(member)
	}
}

// legacyLinks turns "/db:/myapp/alias", as inspect shows a link, back into
// "db:alias", as create wants it.
func legacyLinks(links []string) []string {
	var out []string
	for _, l := range links {
		from, to, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		out = append(out, strings.TrimPrefix(from, "/")+":"+to[strings.LastIndexByte(to, '/')+1:])
	}
	return out
}

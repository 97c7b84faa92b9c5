package definition

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// TakeFiles takes over the values that are in the container by now. One that the
// app has deleted after it had read it is put into the next container all the same.
func (s *Settings) TakeFiles(now []layer.File) (changed []string) {
	all := layer.ByPath(s.Files)
	for _, f := range now {
		if was, known := all[f.Path]; !f.Dir && (!known || string(was.Data) != string(f.Data) || was.Link != f.Link) {
			changed = append(changed, "the value of "+f.Path)
		}
		all[f.Path] = f
	}
	s.Files = nil
	for _, path := range slices.Sorted(maps.Keys(all)) {
		s.Files = append(s.Files, all[path])
	}
	return changed
}

// TakeUnnamed mounts the volumes of live where s would mount new ones without a name,
// and returns the places where live has none: those mounts are left out.
func (s Settings) TakeUnnamed(live Settings) (none []string, err error) {
	var mounts, theirs, out []rawjson.Object
	if err := errors.Join(s.HostConfig.Get("Mounts", &mounts), live.HostConfig.Get("Mounts", &theirs)); err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	for _, m := range mounts {
		var source, target string
		_, _ = m.Get("Source", &source), m.Get("Target", &target) // were decoded before
		if !AnonymousName.MatchString(source) {
			out = append(out, m)
			continue
		}
		at := slices.IndexFunc(theirs, func(o rawjson.Object) bool {
			var there string
			_ = o.Get("Target", &there)
			return there == target
		})
		if at < 0 {
			none = append(none, target)
			continue
		}
		out = append(out, theirs[at])
	}
	s.HostConfig.SetFilled("Mounts", out)
	return none, nil
}

// limits are the members of a HostConfig that `docker update` changes.
var limits = []string{
	"BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpuShares", "CpusetCpus", "CpusetMems",
	"KernelMemory", "Memory", "MemoryReservation", "MemorySwap", "NanoCpus", "PidsLimit",
}

// TakeLimits takes over what `docker update` has changed.
func (s Settings) TakeLimits(now rawjson.Object) (changed []string) {
	for _, k := range limits {
		was, is := s.HostConfig[k], now[k]
		if was == nil && is == nil || was != nil && is != nil && rawjson.Same(was, is) {
			continue
		}
		s.HostConfig.Drop(k)
		if is != nil {
			s.HostConfig[k] = is
		}
		changed = append(changed, fmt.Sprintf("%s %s → %s", k, cmp.Or(string(was), "-"), cmp.Or(string(is), "-")))
	}
	return changed
}

// TakeNetworks takes over which networks the container is on by now. It cannot
// be made without the primary one.
func (s *Settings) TakeNetworks(now map[string]rawjson.Object, primary string) (changed, lost []string) {
	was := s.Networks
	s.Networks = maps.Clone(now)
	if s.Networks == nil {
		s.Networks = map[string]rawjson.Object{}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch f, still := now[name]; {
		case still && sameEndpoint(f, was[name]):
			s.Networks[name] = was[name]
		case still:
			changed = append(changed, "its address or names on network "+name)
		case name == primary:
			s.Networks[name] = was[name]
			lost = append(lost, fmt.Sprintf("the container was taken off network %s, and the next one is on it: that is the network it was made with", name))
		default:
			changed = append(changed, "off network "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, known := was[name]; !known {
			changed = append(changed, "on network "+name)
		}
	}
	return changed, lost
}

// sameEndpoint compares what was asked of a network, aliases in any order.
func sameEndpoint(a, b rawjson.Object) bool {
	sorted := func(f rawjson.Object) rawjson.Object {
		f = f.Clone()
		var aliases []string
		_ = f.Get("Aliases", &aliases) // written by Endpoints
		slices.Sort(aliases)
		f.SetFilled("Aliases", slices.Compact(aliases))
		return f
	}
	return rawjson.Equal(sorted(a), sorted(b))
}

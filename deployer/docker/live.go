package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Live is what a command has to know of a container before it replaces it.
type Live struct {
	// Settings are those it was made of, with what has changed on it since then
	// and what was put into it.
	Settings json.RawMessage
	// Refusals keep it from being replaced, each unless its Override was given.
	Refusals []Note
	Changed  []string // what Settings have that it was not made with
	Notes    []string // what does not go along
	Recreate []string // why the next one must not run beside it, for what is new
}

// Live looks at container id, which was made of stored settings.
func (c *Client) Live(ctx context.Context, id string, stored json.RawMessage) (Live, error) {
	ct, err := c.Inspect(ctx, id)
	if err != nil {
		return Live{}, err
	}
	in, err := readInspect(ct.Raw)
	if err != nil {
		return Live{}, callErr("inspect", id, err)
	}
	s, err := parseSettings(stored)
	if err != nil {
		return Live{}, callErr("compare", id, err)
	}
	layer, err := readLayer(ctx, c, c.sys.clock, in.InspectResponse, s.Files)
	if err != nil {
		return Live{}, err
	}
	live, err := compare(s, in, layer)
	if err != nil {
		return live, callErr("compare", id, err)
	}
	live.Settings, _, err = KeepVolumes(live.Settings, ct)
	return live, callErr("compare", id, err)
}

// compare takes what has changed on a container into its settings.
func compare(s settings, in inspected, layer ownLayer) (Live, error) {
	name := strings.TrimPrefix(in.Name, "/")
	var l Live
	if note, ok := layerRefusal(layer, name); ok {
		l.Refusals = append(l.Refusals, note)
	}
	now, err := hostConfig(in)
	if err != nil {
		return l, err
	}
	l.Changed = append(l.Changed, s.takeLimits(now)...)
	var primary string
	_ = now.get("NetworkMode", &primary) // set by hostConfig
	fixed := fixedIn(s)
	changed, lost := s.takeNetworks(endpoints(in), primary)
	l.Changed = append(l.Changed, changed...)
	l.Notes = append(l.Notes, lost...)
	for _, f := range fixedIn(s) {
		if !slices.Contains(fixed, f) {
			l.Recreate = append(l.Recreate, f)
		}
	}
	if p := restartPolicy(in.HostConfig.RestartPolicy); p != "no" {
		l.Notes = append(l.Notes, fmt.Sprintf("container %s has the restart policy %s by now, and the next one has none: edgeman itself starts it again", name, p))
	}
	l.Changed = append(l.Changed, s.takeFiles(layer.values)...)
	l.Settings = s.bytes()
	return l, nil
}

// limits are the members of a HostConfig that `docker update` changes.
var limits = []string{
	"BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpuShares", "CpusetCpus", "CpusetMems",
	"KernelMemory", "Memory", "MemoryReservation", "MemorySwap", "NanoCpus", "PidsLimit",
}

func (s settings) takeLimits(now fields) (changed []string) {
	for _, k := range limits {
		was, is := s.HostConfig[k], now[k]
		if was == nil && is == nil || was != nil && is != nil && sameJSON(was, is) {
			continue
		}
		s.HostConfig.drop(k)
		if is != nil {
			s.HostConfig[k] = is
		}
		changed = append(changed, fmt.Sprintf("%s %s → %s", k, orNone(was), orNone(is)))
	}
	return changed
}

func orNone(v json.RawMessage) string {
	if v == nil {
		return "-"
	}
	return string(v)
}

// takeNetworks takes over which networks the container is on by now. It cannot
// be made without the primary one.
func (s *settings) takeNetworks(now map[string]fields, primary string) (changed, lost []string) {
	was := s.Networks
	s.Networks = maps.Clone(now)
	if s.Networks == nil {
		s.Networks = map[string]fields{}
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
func sameEndpoint(a, b fields) bool {
	sorted := func(f fields) json.RawMessage {
		f = f.clone()
		var aliases []string
		_ = f.get("Aliases", &aliases) // written by endpoints
		slices.Sort(aliases)
		f.setFilled("Aliases", slices.Compact(aliases))
		b, err := json.Marshal(f)
		if err != nil {
			panic(fmt.Sprintf("docker: encode an endpoint: %v", err)) // made of valid JSON only
		}
		return b
	}
	return sameJSON(sorted(a), sorted(b))
}

// takeFiles takes over the values that are in the container by now. One that the
// app has deleted after it had read it is put into the next container all the same.
func (s *settings) takeFiles(now []file) (changed []string) {
	all := byPath(s.Files)
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

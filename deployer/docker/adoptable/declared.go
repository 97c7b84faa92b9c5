package adoptable

import (
	"encoding/json"
	"slices"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/rawjson"
)

// Like says what a container of edgeman's has that the one it is to be like has not.
type Like struct {
	Live     json.RawMessage   // settings of the release that it replaces: values, volumes without a name
	Served   []Served          // ports that the app's listeners have taken over
	Name     string            // what the app's containers are reached by beside their own names
	Aliases  map[string]string // names to be exchanged; "" goes away
	Networks map[string]string // names of networks by their ids
}

// Declared is what a container is to be made of.
type Declared struct {
	Settings  json.RawMessage
	StopFirst []string // why two of them must not run at the same time
	Differ    []string // what is unlike the live release's, without values
	Unnamed   []string // where new volumes without a name would be mounted
}

// Declare turns the facts of a container that was never started into what one of
// edgeman's is to be made of. It asks nobody.
func Declare(f Facts, like Like) (d Declared, err error) {
	live, err := definition.Parse(like.Live)
	if err != nil {
		return d, err
	}
	s, err := definition.Extract(f.In, f.Image, f.Hostname)
	if err != nil {
		return d, err
	}
	s.Rename(like.Networks, like.Aliases)
	f.Container.Name = like.Name
	if err := f.makeOurs(s); err != nil {
		return d, err
	}
	ports, err := s.FixedPorts()
	if err != nil {
		return d, err
	}
	if d.Unnamed, err = s.TakeUnnamed(live); err != nil {
		return d, err
	}
	d.Unnamed = slices.DeleteFunc(d.Unnamed, func(target string) bool { _, its := f.Image.Config.Volumes[target]; return its })
	for name, f := range s.Networks { // a link names a container of another service, which the template has none of
		if links, linked := live.Networks[name]["Links"]; linked {
			f["Links"] = links
		}
	}
	s.Files, s.Sources = live.Files, f.Sources
	d.Settings, d.StopFirst = s.Bytes(), f.stopFirst(s, ports)
	d.Differ = unlike(ordered(live), ordered(s))
	slices.Sort(d.Differ)
	d.Differ = slices.Compact(d.Differ)
	return d, nil
}

// ordered is s with its lists in an order of their own, where order means nothing.
func ordered(s definition.Settings) definition.Settings {
	s.HostConfig = s.HostConfig.Clone()
	var mounts []rawjson.Object
	if err := s.HostConfig.Get("Mounts", &mounts); err == nil && len(mounts) > 0 {
		slices.SortFunc(mounts, func(a, b rawjson.Object) int { return slices.Compare(a["Target"], b["Target"]) })
		s.HostConfig.Set("Mounts", mounts)
	}
	var binds []string
	if err := s.HostConfig.Get("Binds", &binds); err == nil && len(binds) > 0 {
		slices.Sort(binds)
		s.HostConfig.Set("Binds", binds)
	}
	var limits []rawjson.Object
	if err := s.HostConfig.Get("Ulimits", &limits); err == nil && len(limits) > 0 {
		slices.SortFunc(limits, func(a, b rawjson.Object) int { return slices.Compare(a["Name"], b["Name"]) })
		s.HostConfig.Set("Ulimits", limits)
	}
	networks := map[string]rawjson.Object{}
	for name, endpoint := range s.Networks {
		e := endpoint.Clone()
		var aliases []string
		_ = e.Get("Aliases", &aliases) // written by Endpoints
		slices.Sort(aliases)
		e.SetFilled("Aliases", slices.Compact(aliases))
		networks[name] = e
	}
	s.Networks = networks
	s.Config = s.Config.Clone()
	var env []string
	if err := s.Config.Get("Env", &env); err == nil && len(env) > 0 {
		slices.Sort(env)
		s.Config.Set("Env", env)
	}
	return s
}

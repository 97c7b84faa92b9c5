package adoptable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// JoinCopies joins the adoptions of containers that are copies of one another into
// the one of all of them. What has to be each one's own is left out of the
// settings: host name, fixed addresses. Their names reach any of the new ones.
// differ says in what else they are not alike, without values; then they are no
// copies.
func JoinCopies(all []Adoption) (joined Adoption, differ []string, err error) {
	parsed := make([]definition.Settings, len(all))
	for i, a := range all {
		if parsed[i], err = definition.Parse(a.Settings); err != nil {
			return joined, nil, err
		}
	}
	joined = Adoption{Container: all[0].Container}
	for i, a := range all {
		joined.add(a, parsed[i].FixedAddresses())
	}
	slices.Sort(joined.StopFirst)
	if names := hostnames(parsed); len(names) > 1 {
		joined.warn(Note{Code: codeOwnName, Text: fmt.Sprintf("the host names %s go away: each copy is called by its own id", strings.Join(names, ", "))})
		for _, s := range parsed {
			s.Config.Drop("Hostname")
		}
	}
	aliases := dropOwn(parsed)
	for _, s := range parsed[1:] {
		differ = append(differ, unlike(parsed[0], s)...)
	}
	for network, names := range aliases {
		if ep := parsed[0].Networks[network]; ep != nil {
			ep.Set("Aliases", names)
		}
	}
	if len(joined.StopFirst) == 0 {
		for _, n := range append(besideNames(parsed[0]), besideJobs) {
			joined.warn(n)
		}
	}
	joined.Settings = parsed[0].Bytes()
	slices.Sort(differ)
	return joined, slices.Compact(differ), nil
}

// add takes over what one of the copies says, but for its own addresses.
func (a *Adoption) add(one Adoption, own []string) {
	for _, reason := range one.StopFirst {
		if !slices.Contains(own, reason) && !slices.Contains(a.StopFirst, reason) {
			a.StopFirst = append(a.StopFirst, reason)
		}
	}
	for _, what := range own {
		a.warn(Note{Code: codeOwnAddress, Text: fmt.Sprintf("container %s %s; the copies have none", one.Container.Name, what)})
	}
	a.Refusals = append(a.Refusals, one.Refusals...)
	for _, n := range one.Warnings {
		if n.Code != codeSharedNames && n.Code != codeJobsTwice { // that depends on all of them
			a.warn(n)
		}
	}
}

func (a *Adoption) warn(n Note) {
	if !slices.Contains(a.Warnings, n) {
		a.Warnings = append(a.Warnings, n)
	}
}

// hostnames are the different ones that the operator chose; "" stands for the
// containers without one.
func hostnames(all []definition.Settings) []string {
	var out []string
	for _, s := range all {
		name := ""
		_ = s.Config.Get("Hostname", &name) // was decoded before
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dropOwn takes the members out of each network that are one container's own,
// and returns the names that lead to any of them.
func dropOwn(all []definition.Settings) map[string][]string {
	aliases := map[string][]string{}
	for _, s := range all {
		for network, ep := range s.Networks {
			var names []string
			_ = ep.Get("Aliases", &names) // written by Endpoints
			for _, n := range names {
				if !slices.Contains(aliases[network], n) {
					aliases[network] = append(aliases[network], n)
				}
			}
			ep.Drop("Aliases", "IPAMConfig", "MacAddress")
		}
		var mounts []json.RawMessage // the daemon lists them in any order
		_ = s.HostConfig.Get("Mounts", &mounts)
		if len(mounts) > 0 {
			slices.SortFunc(mounts, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
			s.HostConfig.Set("Mounts", mounts)
		}
	}
	return aliases
}

// unlike names what differs between two containers' settings. Values may be
// secrets, so they are not told.
func unlike(a, b definition.Settings) []string {
	var out []string
	for _, key := range differing("", a.Config, b.Config) {
		switch key {
		case "Env":
			out = append(out, differing("environment variable ", variables(a), variables(b))...)
		case "Labels":
			var x, y map[string]string
			_, _ = a.Config.Get(key, &x), b.Config.Get(key, &y)
			out = append(out, differing("label ", x, y)...)
		default:
			out = append(out, key)
		}
	}
	for _, key := range differing("", a.HostConfig, b.HostConfig) {
		switch key {
		case "Mounts", "Binds":
			out = append(out, "mounts")
		case "PortBindings":
			out = append(out, "other published ports")
		default:
			out = append(out, key)
		}
	}
	out = append(out, differing("the file ", layer.ByPath(a.Files), layer.ByPath(b.Files))...)
	return append(out, differing("network ", a.Networks, b.Networks)...)
}

func variables(s definition.Settings) map[string]string {
	var list []string
	_ = s.Config.Get("Env", &list) // was decoded before
	out := map[string]string{}
	for _, e := range list {
		k, v, _ := strings.Cut(e, "=")
		out[k] = v
	}
	return out
}

// differing are the keys that only one of two maps has, or with another value,
// each behind what it names.
func differing[V any](what string, a, b map[string]V) (out []string) {
	for k, v := range a {
		if w, ok := b[k]; !ok || !rawjson.Equal(v, w) {
			out = append(out, what+k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, what+k)
		}
	}
	return out
}

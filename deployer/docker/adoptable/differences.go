package adoptable

import (
	"encoding/json"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// unlike names what differs between two containers' settings. Values may be
// secrets, so they are not told.
func unlike(a, b definition.Settings) []string {
	var out []string
	for _, key := range differing(a.Config, b.Config) {
		switch key {
		case "Env":
			out = append(out, unlikeEnv(a, b)...)
		case "Labels":
			var x, y map[string]string
			_, _ = a.Config.Get(key, &x), b.Config.Get(key, &y)
			for _, label := range differing(x, y) {
				out = append(out, "label "+label)
			}
		default:
			out = append(out, key)
		}
	}
	for _, key := range differing(a.HostConfig, b.HostConfig) {
		switch key {
		case "Mounts", "Binds":
			out = append(out, "mounts")
		case "PortBindings":
			out = append(out, "other published ports")
		default:
			out = append(out, key)
		}
	}
	for _, path := range differing(layer.ByPath(a.Files), layer.ByPath(b.Files)) {
		out = append(out, "the file "+path)
	}
	for _, network := range differing(a.Networks, b.Networks) {
		out = append(out, "network "+network)
	}
	return out
}

func unlikeEnv(a, b definition.Settings) []string {
	vars := func(s definition.Settings) map[string]string {
		var list []string
		_ = s.Config.Get("Env", &list) // was decoded before
		m := map[string]string{}
		for _, e := range list {
			k, v, _ := strings.Cut(e, "=")
			m[k] = v
		}
		return m
	}
	var out []string
	for _, name := range differing(vars(a), vars(b)) {
		out = append(out, "environment variable "+name)
	}
	return out
}

// differing are the keys that only one of two maps has, or with another value.
func differing[V any](a, b map[string]V) []string {
	var out []string
	for k, v := range a {
		x, errx := json.Marshal(v)
		y, erry := json.Marshal(b[k])
		if _, ok := b[k]; !ok || errx != nil || erry != nil || !rawjson.Same(x, y) {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	return out
}

package adopt

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"edgeman/deployer/docker"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/registry"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

// nameCandidates names the apps as the operator said, or else by defaultName.
func (h *Host) nameCandidates(o Options, sites []string, take []candidate) error {
	seen := map[string]bool{}
	for i := range take {
		c := &take[i]
		c.name = c.defaultName(sites, len(take) == 1, seen)
		if o.Name != "" && len(take) == 1 {
			c.name = o.Name
		}
		told := map[string]bool{}
		for _, t := range c.targets() {
			for _, key := range t.Names(o.Everywhere) {
				if n, ok := o.Names[key]; ok {
					c.name, told[n] = n, true
				}
			}
		}
		if len(told) > 1 {
			return hint.With(outcome.Usage("%s are ports of one container, %s, and one app", c.addresses(), c.containers[0].Name), "give it one name with --name")
		}
		if err := sockets.ValidName(c.name); err != nil {
			return hint.With(outcome.Usage("%w", err), "choose a name with --name")
		}
		if seen[c.name] {
			return hint.With(outcome.Usage("two targets would be called %s", c.name), "name them with --name TARGET=NAME")
		}
		seen[c.name] = true
		if _, err := h.Paths.ReadApp(c.name); !errors.Is(err, state.ErrNoApp) {
			return hint.With(outcome.Refuse("there is already an app %s", c.name), "choose another name with --name, or edgeman unadopt %s first", c.name)
		}
	}
	return nil
}

// nothing are words too general to name one app among others.
var nothing = []string{
	"default", "default-ssl", "000-default", "nginx", "site", "sites", "app", "apps", "conf", "config", "server", "servers", "web",
	"www", "http", "https", "ssl", "proxy", "reverse-proxy", "revproxy", "vhost", "vhosts", "localhost", "backend", "upstream", "upstreams",
	"container", "docker", "main", "index", "latest",
}

// composeName is what a Compose file calls the container: its service, or the
// project where the service is called as everybody's.
func composeName(c docker.Container) string {
	service, project := c.Labels[label.ComposeService], c.Labels[label.ComposeProject]
	if slices.Contains(nothing, asName(service)) {
		return project
	}
	return service
}

// repositoryName is the last word of an image's repository.
func repositoryName(image string) string {
	if strings.HasPrefix(image, "sha256:") || strings.Contains(image, "@") && !strings.Contains(image, "/") {
		return ""
	}
	name := registry.Repository(image)
	return name[strings.LastIndexByte(name, '/')+1:]
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// asName turns any text into a valid name; "" where that is impossible.
func asName(text string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(name) > 31 {
		name = strings.Trim(name[:31], "-")
	}
	return name
}

package adoptable

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/words"
)

// warnings lists what the adoption changes for others. overlap says that the
// old and the new copy will run at the same time.
func (f Facts) warnings(s definition.Settings, overlap bool) []Note {
	var out []Note
	warn := func(code, format string, args ...any) {
		out = append(out, Note{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	ct := f.Container
	if open := f.openPorts(); len(open) > 0 {
		warn(codePortGoesAway, "port %s is open to other machines today; afterwards only nginx reaches the app", strings.Join(open, ", "))
	}
	if project := ct.Labels[label.ComposeProject]; project != "" {
		warn(codeCompose, "the Compose project %s will start the old container again at its next up, where nothing leads any more; give its service %s scale: 0, and deploy with edgeman swap, which reads its file",
			project, ct.Labels[label.ComposeService])
	}
	if ct.AutoRemove {
		warn(codeRm, "container %s was started with --rm and goes when it stops; edgeman unadopt makes it again from its stored settings", ct.Name)
	}
	out = append(out, layerNotes(f.Layer, ct.Name)...)
	if overlap {
		out = append(out, besideNames(s)...)
	}
	if joined := f.joined(); len(joined) > 0 {
		warn(codeJoined, "%s stays in the old container's network namespace and has to be started again in the new one's", strings.Join(joined, ", "))
	}
	warn(codeContainerName, "tools that address the container as %s (docker exec, docker logs, cron jobs) find the stopped one; edgeman status shows the current name", ct.Name)
	if overlap {
		out = append(out, besideJobs)
	}
	return out
}

// besideJobs warns of what old and new do beside each other.
var besideJobs = Note{Code: codeJobsTwice, Text: "jobs that the app runs by itself (schedulers, queue workers) run twice while two copies run"}

// besideNames warns of names that lead to old and new.
func besideNames(s definition.Settings) []Note {
	var names []string
	for network, ep := range s.Networks {
		var aliases []string
		_ = ep.Get("Aliases", &aliases) // written by Endpoints
		if inspect.UserDefined(network) && len(aliases) > 0 {
			names = append(names, fmt.Sprintf("%s on network %s", strings.Join(aliases, ", "), network))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []Note{{Code: codeSharedNames, Text: "while two copies run, these names reach either: " + strings.Join(names, "; ")}}
}

// openPorts are the adopted ports' bindings that machines other than this one
// can reach.
func (f Facts) openPorts() []string {
	var out []string
	for _, p := range f.Container.Published {
		dialled := slices.ContainsFunc(f.Served, func(s Served) bool {
			return s.Port == p.ContainerPort && slices.ContainsFunc(s.At, func(at netip.AddrPort) bool { return at.Port() == p.HostPort })
		})
		if dialled && p.Proto == "tcp" && !p.HostIP.IsLoopback() {
			out = append(out, netip.AddrPortFrom(p.HostIP, p.HostPort).String())
		}
	}
	return out
}

// layerNotes tell what is carried and what stays behind.
func layerNotes(l layer.Layer, name string) []Note {
	var out []Note
	if carried := l.Carried(); len(carried) > 0 {
		out = append(out, Note{Code: codeValues, Text: fmt.Sprintf("put into container %s before it started, and carried along: %s", name, some(carried))})
	}
	if len(l.Scratch) > 0 {
		out = append(out, Note{Code: codeScratch, Text: fmt.Sprintf("container %s has %s below /run, /tmp or a cache or log directory that stays behind: %s",
			name, words.Plural(len(l.Scratch), "file"), some(l.Scratch))})
	}
	return out
}

func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(slices.Clone(list[:most]), ", ") + ", …"
}

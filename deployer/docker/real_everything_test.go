//go:build integration

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/adoptable"
)

// everyFlag is a container with all of docker run that goes together. What a
// docker does not know is left out, and said.
var everyFlag = [][]string{
	{"--env", "OWN=1"},
	{"--env", "FROM_IMAGE=changed"},
	{"--user", "1000:1000"},
	{"--workdir", "/tmp"},
	{"--label", "own=yes"},
	{"--label", "vendor=two"},
	{"--hostname", "box"},
	{"--domainname", "example.org"},
	{"--stop-signal", "USR1"},
	{"--stop-timeout", "3"},
	{"--tty"},
	{"--interactive"},
	{"--expose", "9999"},
	{"--health-cmd", "exit 0"},
	{"--health-interval", "5s"},
	{"--health-timeout", "2s"},
	{"--health-retries", "7"},
	{"--health-start-period", "1s"},
	{"--health-start-interval", "2s"},
	{"--memory", "64m"},
	{"--memory-reservation", "32m"},
	{"--memory-swappiness", "10"},
	{"--cpu-shares", "512"},
	{"--cpus", "1"},
	{"--cpuset-cpus", "0"},
	{"--cpuset-mems", "0"},
	{"--blkio-weight", "300"},
	{"--device-read-bps", "/dev/null:1mb"},
	{"--device-write-bps", "/dev/null:1mb"},
	{"--device-read-iops", "/dev/null:100"},
	{"--device-write-iops", "/dev/null:100"},
	{"--pids-limit", "200"},
	{"--ulimit", "nofile=1024:2048"},
	{"--ulimit", "core=0"},
	{"--shm-size", "32m"},
	{"--oom-score-adj", "100"},
	{"--cgroup-parent", "edgeman.slice"},
	{"--cgroupns", "private"},
	{"--cap-add", "NET_ADMIN"},
	{"--cap-drop", "MKNOD"},
	{"--security-opt", "no-new-privileges"},
	{"--security-opt", "seccomp=unconfined"},
	{"--group-add", "44"},
	{"--userns", "host"},
	{"--runtime", "runc"},
	{"--add-host", "db:10.1.2.3"},
	{"--dns", "9.9.9.9"},
	{"--dns-search", "example.org"},
	{"--dns-option", "ndots:2"},
	{"--sysctl", "net.core.somaxconn=512"},
	{"--log-driver", "local"},
	{"--log-opt", "max-size=1m"},
	{"--init"},
	{"--ipc", "shareable"},
	{"--pid", "host"},
	{"--read-only"},
	{"--restart", "on-failure:3"},
	{"--tmpfs", "/scratch/:size=1m,mode=1777"},
	{"--volume", "/var/lib/edgeman-test:/host/:ro,rslave"},
	{"--volume", "named:/named:nocopy"},
	{"--volume", "/anonymous/"},
	{"--volumes-from", "data"},
	{"--mount", "type=volume,dst=/anonymous2/"},
	{"--mount", "type=bind,src=/usr,dst=/host-usr,readonly,bind-propagation=rslave"},
	{"--mount", "type=tmpfs,dst=/tmpfs,tmpfs-size=1048576"},
	{"--device", "/dev/null:/dev/nothing:rw"},
	{"--device-cgroup-rule", "c 1:3 mr"},
	{"--annotation", "a=b"},
	{"--network", "front"},
	{"--network-alias", "web"},
	{"--ip", "10.77.0.9"},
	{"--ip6", "fd77::9"},
	{"--mac-address", "02:aa:bb:cc:dd:ee"},
	{"--link", "data:d"},
	{"--link-local-ip", "169.254.9.9"},
	{"--publish", "127.0.0.1:18080:8080"},
	{"--publish", "19090:9090/udp"},
}

// mustDiffer are the members of an inspect answer that are not the same in the
// container that takes another's place, each with the reason.
var mustDiffer = []struct{ member, why string }{
	{`Config\.Labels\.edgeman\..*`, "ours"},
	{`Config\.ExposedPorts\.8080/tcp`, "the adopted port"},
	{`Config\.Volumes.*`, "what nobody named is mounted by the name that Docker gave it"},
	{`Config\.Attach.*`, "of one call of docker run"},
	{`Config\.Image`, "the id, so that a tag that moves changes nothing"},
	{`HostConfig\.PortBindings\.8080/tcp`, "the adopted port"},
	{`HostConfig\.RestartPolicy\..*`, "edgeman itself starts it again"},
	{`HostConfig\.(Binds|Mounts|VolumesFrom).*`, "compared by what is mounted"},
	{`HostConfig\.(ContainerIDFile|ConsoleSize).*`, "of one call of docker run"},
	{`HostConfig\.Links.*`, "holds the container's own name; compared by itself"},
	{`Mounts\.[^.]*\.Mode`, "how a mount was asked for"},
	{`Networks\.[^.]*\.(Aliases|DNSNames|Links).*`, "hold the container's own name and id; compared by themselves"},
}

// Everything that Docker's own inspect shows of a container is in ours.
func TestRealEverything(t *testing.T) {
	c, ctx := daemon(t)
	prepareEverything(t)
	run := append([]string{"create", "--name", "old"}, knownFlags(t)...)
	docker(t, append(run, "app:v1", "serve", "an argument")...)
	docker(t, connect("gw-priority", "7", "network", "connect", "--alias", "inner", "--driver-opt", "com.example.x=1", "back", "old")...)
	was := inspected(t, "old")
	a, err := c.Adopt(ctx, "old", adoptable.Served{Port: 8080, At: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:18080")}})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.Create(ctx, Spec{Name: "new", ImageID: a.Container.ImageID, Settings: a.Settings, Labels: map[string]string{"edgeman.app": "x"}})
	if err != nil {
		t.Fatalf("%v\nsettings: %s", err, a.Settings)
	}
	is := inspected(t, "new")
	for _, member := range unlikeMembers(t, "old", "new") {
		if i := slices.IndexFunc(mustDiffer, func(m struct{ member, why string }) bool {
			return regexp.MustCompile("^" + m.member + "$").MatchString(member)
		}); i < 0 {
			t.Errorf("%s is not as it was", member)
		}
	}
	for name, ep := range was.NetworkSettings.Networks {
		now := is.NetworkSettings.Networks[name]
		if now == nil {
			t.Errorf("not on network %s", name)
			continue
		}
		for _, alias := range append(realAliases(ep.Aliases, was.ID), "old") {
			if !slices.Contains(now.Aliases, alias) {
				t.Errorf("network %s: no alias %s in %q", name, alias, now.Aliases)
			}
		}
	}
	if got := realLinks(is.HostConfig.Links); !slices.Equal(got, realLinks(was.HostConfig.Links)) {
		t.Errorf("links %q", got)
	}
	t.Logf("%d members compared", len(members(t, "new")))
	wantUnchanged(t, c, ctx, id, a.Settings)
	wantMadeAgain(t, c, ctx, a)
}

// wantUnchanged: what was just made of settings has not changed since.
func wantUnchanged(t *testing.T, c *Client, ctx context.Context, id string, settings json.RawMessage) {
	t.Helper()
	live, err := c.Live(ctx, id, settings)
	if err != nil || len(live.Changed)+len(live.Notes)+len(live.Refusals)+len(live.StopFirst) > 0 {
		t.Errorf("changed on a new container: %q %q %v %q, %v", live.Changed, live.Notes, live.Refusals, live.StopFirst, err)
	}
}

// wantMadeAgain: the original can be, and is then as it was.
func wantMadeAgain(t *testing.T, c *Client, ctx context.Context, a adoptable.Adoption) {
	t.Helper()
	if err := c.Rehearse(ctx, a.Container.Raw); err != nil {
		t.Fatal(err)
	}
	if left := docker(t, "ps", "-a", "--format", "{{.Names}}"); strings.Contains(left, trial) {
		t.Errorf("left behind: %s", left)
	}
	docker(t, "rename", "old", "before")
	if _, lost, err := c.Recreate(ctx, a.Container.Raw); err != nil || len(lost) > 0 {
		t.Fatal(lost, err)
	}
	for _, member := range unlikeMembers(t, "before", "old") {
		if !regexp.MustCompile(`^(Config\.Volumes|HostConfig\.(Binds|Mounts|VolumesFrom|Links|ContainerIDFile)|Mounts\.[^.]*\.Mode|Networks\.[^.]*\.|Config\.Attach)`).MatchString(member) {
			t.Errorf("made again, %s is not as it was", member)
		}
	}
}

func prepareEverything(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll("/var/lib/edgeman-test", 0o755); err != nil { // docker makes it at the start only
		t.Fatal(err)
	}
	docker(t, "network", "create", "--ipv6", "--subnet", "10.77.0.0/24", "--subnet", "fd77::/64", "front")
	docker(t, "network", "create", "back")
	docker(t, "run", "-d", "--name", "data", "--network", "front", "-v", "/shared", "app:v1")
}

var counted = regexp.MustCompile(`^--(memory|cpu|blkio|device-(read|write)|pids)`)

// knownFlags are those of everyFlag that this docker has.
func knownFlags(t *testing.T) []string {
	t.Helper()
	help := docker(t, "run", "--help")
	var out []string
	for _, f := range everyFlag {
		if !strings.Contains(help, f[0]+" ") {
			t.Logf("this docker has no %s", f[0])
			continue
		}
		if counted.MatchString(f[0]) { // what the host's kernel does not count is refused
			if _, err := tryDocker(append(append([]string{"create", "--name", "probe"}, f...), "app:v1")...); err != nil {
				t.Logf("this host takes no %s: %v", f[0], err)
				continue
			}
			docker(t, "rm", "probe")
		}
		out = append(out, f...)
	}
	return out
}

// connect adds an option to a command where docker has it.
func connect(option, value string, command ...string) []string {
	if help, err := tryDocker("network", "connect", "--help"); err != nil || !strings.Contains(help, option) {
		return command
	}
	return slices.Insert(slices.Clone(command), 2, "--"+option, value)
}

// unlikeMembers are the members in which two containers differ, as paths.
func unlikeMembers(t *testing.T, a, b string) []string {
	t.Helper()
	x, y := members(t, a), members(t, b)
	var out []string
	for k := range x {
		if v, ok := y[k]; !ok || v != x[k] {
			out = append(out, k)
		}
	}
	for k := range y {
		if _, ok := x[k]; !ok {
			out = append(out, k)
		}
	}
	return out
}

// members are all values that docker tells of a container's making, by path.
// Nothing and an empty list are the same.
func members(t *testing.T, name string) map[string]string {
	t.Helper()
	var list []map[string]any
	if err := json.Unmarshal([]byte(docker(t, "inspect", "--type", "container", name)), &list); err != nil {
		t.Fatal(err)
	}
	in := list[0]
	out := map[string]string{}
	for _, key := range []string{"Config", "HostConfig"} {
		flatten(out, key, in[key])
	}
	mounts := map[string]any{}
	for _, m := range in["Mounts"].([]any) {
		m := m.(map[string]any)
		mounts[path.Clean(m["Destination"].(string))] = m
	}
	flatten(out, "Mounts", mounts)
	flatten(out, "Networks", in["NetworkSettings"].(map[string]any)["Networks"])
	for _, key := range []string{"Driver", "Platform", "MountLabel", "ProcessLabel", "AppArmorProfile", "ExecIDs", "Args", "Path"} {
		flatten(out, key, in[key])
	}
	return out
}

func flatten(out map[string]string, at string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			flatten(out, at+"."+k, v[k])
		}
	case []any:
		if len(v) > 0 {
			out[at] = fmt.Sprint(v)
		}
	default:
		if s := fmt.Sprint(v); s != "" {
			out[at] = s
		}
	}
}

//go:build integration

package docker

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/rawjson"
)

// flagSets are ways to run a container; together they use every flag of docker
// run that leaves a trace in the container.
var flagSets = []struct {
	name  string
	flags []string
	args  []string // after the image
	skip  string   // feature that the daemon must know: a flag of docker run
	// created containers are compared without being started.
	created bool
}{
	{name: "plain"},
	{name: "config", flags: []string{
		"-e", "B=2", "-e", "A=1 with spaces", "-e", "FROM_IMAGE=changed", "-e", "EMPTY=",
		"-u", "1000:1000", "-w", "/tmp", "--label", "own=yes", "--label", "vendor=two", "--label", "com.example.x=a=b",
		"--hostname", "box", "--domainname", "example.org", "--stop-signal", "USR1", "--stop-timeout", "3",
		"--health-cmd", "exit 0", "--health-interval", "5s", "--health-timeout", "2s", "--health-retries", "7", "--health-start-period", "1s",
		"-t", "-i", "--expose", "9999",
	}, args: []string{"serve", "an argument"}},
	{name: "host", flags: []string{
		"--memory", "64m", "--memory-swap", "128m", "--memory-reservation", "32m", "--cpu-shares", "512", "--pids-limit", "200", "--ulimit", "nofile=1024:2048",
		"--shm-size", "32m", "--oom-score-adj", "100", "--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges",
		"--add-host", "db:10.1.2.3", "--add-host", "host:host-gateway", "--dns", "9.9.9.9", "--dns-search", "example.org", "--dns-option", "ndots:2",
		"--log-driver", "local", "--log-opt", "max-size=1m", "--init", "--ipc", "shareable", "--sysctl", "net.core.somaxconn=512",
		"--read-only", "--tmpfs", "/scratch:size=1m,mode=1777", "--group-add", "44", "--cgroup-parent", "edgeman.slice", "--restart", "on-failure:3",
	}},
	{name: "namespaces", flags: []string{"--pid", "host", "--uts", "host", "--cgroupns", "host", "--network", "host"}},
	{name: "none", flags: []string{"--network", "none"}},
	// The test host cannot start these two.
	{name: "privileged", flags: []string{"--privileged"}, created: true},
	{name: "limits", flags: []string{"--cpus", "1.5", "--cpuset-cpus", "0", "--blkio-weight", "300", "--device-read-bps", "/dev/null:1mb", "--userns", "host"}, created: true},
	{name: "unconfined", flags: []string{"--security-opt", "systempaths=unconfined", "--security-opt", "seccomp=unconfined", "--security-opt", "label=disable", "--runtime", "runc"}},
	{name: "mounts", flags: []string{
		"-v", "/var/lib/edgeman-test:/host", "-v", "/etc:/host-etc:ro", "-v", "named:/named", "-v", "/anonymous",
		"--mount", "type=volume,dst=/anonymous2", "--mount", "type=volume,src=named2,dst=/named2,readonly",
		"--mount", "type=bind,src=/usr,dst=/host-usr,readonly,bind-propagation=rslave", "--mount", "type=tmpfs,dst=/tmpfs,tmpfs-size=1048576",
		"--volumes-from", "data", "--device", "/dev/null:/dev/nothing:rw",
	}},
	{name: "networks", flags: []string{
		"--network", "front", "--network-alias", "web", "--network-alias", "web2", "--ip", "10.77.0.9", "--mac-address", "02:aa:bb:cc:dd:ee", "--link", "data:d",
	}},
	{name: "ports", flags: []string{"-p", "127.0.0.1:18080:8080", "-p", "19090:9090", "-p", "19091-19092:9091/udp"}},
	{name: "publish-all", flags: []string{"-P", "--expose", "7000"}},
	{name: "entrypoint", flags: []string{"--entrypoint", "/bin/sh"}, args: []string{"-c", "serve"}},
	{name: "no-entrypoint", flags: []string{"--entrypoint", ""}, args: []string{"/app", "serve"}},
	{name: "entrypoint-only", flags: []string{"--entrypoint", "/app"}},
	{name: "no-healthcheck", flags: []string{"--no-healthcheck"}},
	{name: "annotation", flags: []string{"--annotation", "a=b"}, skip: "--annotation"},
	{name: "health-start-interval", flags: []string{"--health-cmd", "exit 0", "--health-start-interval", "2s"}, skip: "--health-start-interval"},
}

func TestRealRoundTrip(t *testing.T) {
	c, ctx := daemon(t)
	image(t, "checked:v1", "HEALTHCHECK --interval=9s CMD exit 0", "EXPOSE 8080", "STOPSIGNAL SIGINT", "VOLUME /declared")
	help := docker(t, "run", "--help")
	if err := os.MkdirAll("/var/lib/edgeman-test", 0o755); err != nil {
		t.Fatal(err)
	}
	docker(t, "network", "create", "--subnet", "10.77.0.0/24", "front")
	docker(t, "network", "create", "back")
	docker(t, "run", "-d", "--name", "data", "--network", "front", "-v", "/shared", "app:v1")
	for _, set := range flagSets {
		for _, img := range []string{"app:v1", "checked:v1"} {
			t.Run(set.name+"/"+strings.TrimSuffix(img, ":v1"), func(t *testing.T) {
				if set.skip != "" && !strings.Contains(help, set.skip) {
					t.Skipf("this docker has no %s", set.skip)
				}
				run := []string{"run", "-d"}
				if set.created {
					run = []string{"create"}
				}
				roundTrip(t, c, ctx, set.name, slices.Concat(run, []string{"--name", "old"}, set.flags, []string{img}, set.args))
			})
		}
	}
}

// roundTrip runs a container, makes another from its settings, and compares
// what docker says of both.
func roundTrip(t *testing.T, c *Client, ctx context.Context, name string, run []string) {
	defer tryDocker("rm", "-fv", "old")
	if _, err := tryDocker(run...); err != nil && strings.Contains(err.Error(), "kernel does not support") {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	created := run[0] == "create"
	if name == "networks" {
		docker(t, "network", "connect", "--alias", "inner", "back", "old")
	}
	capture(t, c, ctx, name+"-"+strings.TrimSuffix(run[slices.IndexFunc(run, func(s string) bool { return strings.HasSuffix(s, ":v1") })], ":v1"), "old")
	a, err := c.Adopt(ctx, "old", adoptable.Served{Port: 8080, At: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:18080")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Refusals {
		if created && r.Code == "not-running" {
			continue
		}
		t.Errorf("refused: %s: %s", r.Code, r.Text)
	}
	t.Logf("stop-first: %q", a.StopFirst)
	was := inspected(t, "old")
	stop(t, c, ctx, name)
	id, err := c.Create(ctx, Spec{Name: "new", ImageID: a.Container.ImageID, Settings: a.Settings, Labels: map[string]string{"edgeman.app": "x"}})
	if err != nil {
		t.Fatalf("%v\nsettings: %s", err, a.Settings)
	}
	defer tryDocker("rm", "-fv", "new")
	if !created {
		if err := c.Start(ctx, id); err != nil {
			t.Fatalf("%v\nsettings: %s", err, a.Settings)
		}
	}
	is := inspected(t, "new")
	if d := cmp.Diff(comparable(t, was), comparable(t, is), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("old and new container differ (-old +new):\n%s\nsettings: %s", d, a.Settings)
	}
	if !is.State.Running && !created {
		t.Errorf("the new container does not run: %s", docker(t, "logs", "new"))
	}
}

// stop makes room for the new container where two do not fit: fixed addresses,
// ports, the host's network.
func stop(t *testing.T, c *Client, ctx context.Context, name string) {
	t.Helper()
	switch name {
	case "networks", "ports", "namespaces":
		docker(t, "kill", "old")
	}
}

// comparable is an inspect answer without the intended differences.
func comparable(t *testing.T, in inspect.Answer) map[string]any {
	t.Helper()
	config, host := in.Raw.Config.Clone(), in.Raw.HostConfig.Clone()
	config.Drop("Image", "AttachStdin", "AttachStdout", "AttachStderr", "Volumes", "ExposedPorts")
	if in.Config.Hostname == in.ID[:12] {
		config.Drop("Hostname")
	}
	labels := map[string]string{}
	for k, v := range in.Config.Labels {
		if !label.Owned(k) {
			labels[k] = v
		}
	}
	config.Set("Labels", labels)
	host.Drop("PortBindings", "PublishAllPorts", "RestartPolicy", "AutoRemove", "Binds", "Mounts", "VolumesFrom", "ContainerIDFile", "ConsoleSize", "Links")
	host.Set("NetworkMode", inspect.NetworkMode(in.InspectResponse))
	mounts := slices.Clone(in.Mounts)
	for i := range mounts {
		// How a mount was asked for, not what it is.
		mounts[i].Mode = ""
	}
	sort.Slice(mounts, func(i, j int) bool { return mounts[i].Destination < mounts[j].Destination })
	nets := map[string]any{}
	for n, ep := range in.NetworkSettings.Networks {
		aliases := realAliases(ep.Aliases, in.ID)
		if inspect.UserDefined(n) && !slices.Contains(aliases, "old") {
			aliases = append(aliases, "old")
		}
		sort.Strings(aliases)
		if ep.IPAMConfig == nil {
			ep.IPAMConfig = &network.EndpointIPAMConfig{}
		}
		nets[n] = map[string]any{"aliases": aliases, "ipam": *ep.IPAMConfig, "links": ep.Links, "options": ep.DriverOpts}
	}
	return map[string]any{"config": plain(t, config), "host": plain(t, host), "mounts": mounts, "networks": nets, "links": realLinks(in.HostConfig.Links)}
}

// realAliases are those that the daemon has not made of the container's id.
func realAliases(aliases []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(aliases), func(a string) bool { return len(a) >= 12 && strings.HasPrefix(id, a) })
}

// realLinks are links without the name of the container that has them.
func realLinks(links []string) (out []string) {
	for _, l := range links {
		from, to, _ := strings.Cut(l, ":")
		out = append(out, from+":"+path.Base(to))
	}
	return out
}

func plain(t *testing.T, f rawjson.Object) map[string]any {
	t.Helper()
	out := map[string]any{}
	for k, v := range f {
		if rawjson.Empty(v) && !strings.HasSuffix(k, "Paths") {
			continue // null and [] say the same, but for the masked and read-only paths
		}
		var x any
		if err := json.Unmarshal(v, &x); err != nil {
			t.Fatal(err)
		}
		out[k] = x
	}
	return out
}

// A swap to another image takes what that image brings, and keeps what the
// operator set.
func TestRealOtherImage(t *testing.T) {
	c, ctx := daemon(t)
	image(t, "app:v2", "ENV FROM_IMAGE=2 VERSION=v2 NEW=1 PATH=/bin", "LABEL vendor=three", "EXPOSE 9090", "WORKDIR /tmp", "USER 1000", "STOPSIGNAL SIGINT", `CMD ["serve", "two"]`)
	docker(t, "run", "-d", "--name", "old", "-e", "OWN=1", "-e", "VERSION=mine", "--label", "own=1", "app:v1")
	a, err := c.Adopt(ctx, "old", adoptable.Served{Port: 8080, At: []netip.AddrPort{{}}})
	if err != nil {
		t.Fatal(err)
	}
	v2, err := c.Image(ctx, "app:v2")
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.Create(ctx, Spec{Name: "new", ImageID: v2.ID, Settings: a.Settings, Env: []string{"OWN=2", "MORE=3"}})
	if err != nil {
		t.Fatal(err)
	}
	in := inspected(t, id)
	want := container.Config{
		Env: []string{"OWN=2", "VERSION=mine", "MORE=3", "EDGEMAN_TEST_APP=1", "FROM_IMAGE=2", "NEW=1", "PATH=/bin"},
		Cmd: []string{"serve", "two"}, Entrypoint: []string{"/app"}, WorkingDir: "/tmp", User: "1000", StopSignal: "SIGINT",
		Labels: map[string]string{"own": "1", "vendor": "three"},
	}
	got := container.Config{
		Env: in.Config.Env, Cmd: in.Config.Cmd, Entrypoint: in.Config.Entrypoint, WorkingDir: in.Config.WorkingDir,
		User: in.Config.User, StopSignal: in.Config.StopSignal, Labels: in.Config.Labels,
	}
	sort.Strings(want.Env)
	sort.Strings(got.Env)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("config (-want +got):\n%s", d)
	}
}

// What was pruned comes back as it was.
func TestRealRecreate(t *testing.T) {
	c, ctx := daemon(t)
	docker(t, "network", "create", "front")
	docker(t, "network", "create", "back")
	docker(t, "run", "-d", "--name", "keeper", "--network", "front", "app:v1")
	docker(t, "network", "connect", "back", "keeper")
	docker(t, "run", "-d", "--name", "old", "--network", "front", "--network-alias", "web", "-p", "127.0.0.1:18080:8080", "-P",
		"-v", "named:/named", "-v", "/anonymous", "--restart", "always", "-e", "A=1", "--label", "com.docker.compose.project=p", "app:v1")
	docker(t, "network", "connect", "--alias", "inner", "back", "old")
	docker(t, "exec", "old", "/app", "touch", "/anonymous/data", "/named/data")
	was := inspected(t, "old")
	ct, err := c.Inspect(ctx, "old")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Recreate(ctx, ct.Raw); !errors.Is(err, ErrExists) {
		t.Fatalf("the container is there, got %v", err)
	}
	docker(t, "rm", "-f", "old") // keeps the anonymous volume, as a prune of containers does
	id, lost, err := c.Recreate(ctx, ct.Raw)
	if err != nil || len(lost) != 0 {
		t.Fatal(err, lost)
	}
	if err := c.Start(ctx, id); err != nil {
		t.Fatal(err)
	}
	is := inspected(t, "old")
	a, b := comparable(t, was), comparable(t, is)
	if d := cmp.Diff(a, b, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("recreated (-was +is):\n%s", d)
	}
	if d := cmp.Diff(was.Config.Labels, is.Config.Labels); d != "" {
		t.Errorf("labels: %s", d)
	}
	if d := cmp.Diff(was.HostConfig.PortBindings, is.HostConfig.PortBindings); d != "" {
		t.Errorf("ports: %s", d)
	}
	if is.HostConfig.RestartPolicy != was.HostConfig.RestartPolicy || is.Config.Image != "app:v1" || !is.HostConfig.PublishAllPorts {
		t.Errorf("restart %v, image %s", is.HostConfig.RestartPolicy, is.Config.Image)
	}
	if out := docker(t, "exec", "old", "/app", "say", "alive"); out != "alive" {
		t.Error(out)
	}
	docker(t, "rm", "-fv", "old")
	docker(t, "volume", "rm", "named")
	if _, lost, err = c.Recreate(ctx, ct.Raw); err != nil || !slices.Contains(lost, "named") {
		t.Errorf("lost %v, %v", lost, err)
	}
}

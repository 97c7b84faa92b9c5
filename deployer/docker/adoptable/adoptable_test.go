package adoptable

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// Settings say the names of the containers whose namespaces are joined: an id
// leads nowhere once that container was made anew.
func TestJoinedContainersAreNamed(t *testing.T) {
	id := strings.Repeat("ab", 32)
	f := Facts{Others: []container.Summary{{ID: "x", Names: []string{"/other"}}, {ID: id, Names: []string{"/app/link", "/vpn"}}}}
	s := definition.Settings{HostConfig: rawjson.Object{}}
	for member, mode := range map[string]string{"NetworkMode": "container:" + id, "PidMode": "container:" + id, "IpcMode": "shareable"} {
		s.HostConfig.Set(member, mode)
	}
	if err := s.NameJoined(f.names()); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]string{"NetworkMode": "container:vpn", "PidMode": "container:vpn", "IpcMode": "shareable"} {
		var got string
		if err := s.HostConfig.Get(member, &got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", member, got, err, want)
		}
	}
}

// machine changes the facts of a plain container.
type machine func(*Facts)

func labelled(k, v string) machine {
	return func(f *Facts) {
		f.In.Config.Labels[k] = v
		f.Container.Labels[k] = v
		f.In.Raw.Config.Set("Labels", f.In.Config.Labels)
	}
}

func files(paths ...string) machine { return func(f *Facts) { f.Layer.Written = paths } }

func rm() machine {
	return func(f *Facts) {
		f.Container.AutoRemove = true
		f.In.Raw.HostConfig.Set("AutoRemove", true)
	}
}

func anonymous(dest string) machine {
	return func(f *Facts) {
		f.In.Config.Volumes = map[string]struct{}{dest: {}}
		f.In.Mounts = append(f.In.Mounts, container.MountPoint{Type: mount.TypeVolume, Name: strings.Repeat("ab", 32), Destination: dest, RW: true})
	}
}

func other(name, network string) machine {
	return func(f *Facts) {
		o := container.Summary{ID: "0123456789abcdef", Names: []string{"/" + name}}
		o.HostConfig.NetworkMode = network
		f.Others = append(f.Others, o)
	}
}

func TestJudge(t *testing.T) {
	const ports, networks = "ports-app.api1.45", "networks-app.api1.45"
	tests := []struct {
		name      string
		captured  string
		with      []machine
		refusals  []string // code, or code and override
		warnings  []string
		stopFirst []string // beginnings
	}{
		{
			name: "fixed ports", captured: ports,
			warnings: []string{codeContainerName}, stopFirst: []string{"publishes *:19090 (9090/tcp)", "publishes *:19091-19092"},
		},
		{name: "all is read-only", captured: "no-entrypoint-app.api1.51", warnings: []string{codeContainerName, codeJobsTwice}},
		{
			name: "files written", captured: ports, with: []machine{files("/etc/x", "/srv/db")},
			refusals: []string{CodeWritableLayer + " --allow-writable-layer"}, warnings: []string{codeContainerName}, stopFirst: []string{"publishes", "publishes"},
		},
		{name: "rm", captured: "no-entrypoint-app.api1.51", with: []machine{rm()}, warnings: []string{codeRm, codeContainerName, codeJobsTwice}},
		{
			name: "rm with an anonymous volume", captured: "no-entrypoint-app.api1.51", with: []machine{rm(), anonymous("/data")},
			refusals: []string{CodeRmVolumes + " --allow-rm-volumes"}, warnings: []string{codeRm, codeContainerName}, stopFirst: []string{"keeps data in an anonymous volume at /data"},
		},
		{
			name: "compose", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("com.docker.compose.project", "shop"), labelled("com.docker.compose.service", "web")},
			warnings: []string{codeCompose, codeContainerName, codeJobsTwice},
		},
		{
			name: "swarm", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("com.docker.swarm.service.name", "web")},
			refusals: []string{codeManaged}, warnings: []string{codeContainerName, codeJobsTwice},
		},
		{
			name: "our own", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("edgeman.app", "web")},
			refusals: []string{codeOwn}, warnings: []string{codeContainerName, codeJobsTwice},
		},
		{
			name: "paused", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *Facts) { f.Container.Status = "paused" }},
			refusals: []string{codeNotRunning}, warnings: []string{codeContainerName, codeJobsTwice},
		},
		{name: "image gone", captured: ports, with: []machine{func(f *Facts) { f.ImageGone = true }}, refusals: []string{codeImageGone}},
		{
			name: "joined by id", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *Facts) { other("sidecar", "container:"+f.Container.ID)(f) }},
			warnings: []string{codeJoined, codeContainerName}, stopFirst: []string{"its network namespace is shared by sidecar"},
		},
		{
			name: "joined by name", captured: "no-entrypoint-app.api1.51", with: []machine{other("sidecar", "container:old"), other("unrelated", "container:older")},
			warnings: []string{codeJoined, codeContainerName}, stopFirst: []string{"its network namespace is shared by sidecar"},
		},
		{
			name: "fixed addresses", captured: networks, warnings: []string{codeContainerName},
			stopFirst: []string{"has the fixed address 02:aa:bb:cc:dd:ee on network front", "has the fixed address 10.77.0.9 on network front"},
		},
		{name: "names in an overlap", captured: networks, with: []machine{func(f *Facts) {
			for _, ep := range f.In.Raw.NetworkSettings.Networks {
				ep.Drop("IPAMConfig")
			}
			f.In.Raw.Config.Drop("MacAddress")
		}}, warnings: []string{codeSharedNames, codeContainerName, codeJobsTwice}},
		{name: "open to others", captured: "ports-app.api1.45", with: []machine{func(f *Facts) {
			f.Container.Published = []inspect.Port{{HostIP: netip.IPv4Unspecified(), HostPort: 18080, ContainerPort: 8080, Proto: "tcp"}}
		}}, warnings: []string{codePortGoesAway, codeContainerName}, stopFirst: []string{"publishes", "publishes"}},
		{name: "host network", captured: "namespaces-app.api1.45", warnings: []string{codeContainerName}, stopFirst: []string{"uses the host's network"}},
		{
			name: "gpu", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *Facts) { f.In.HostConfig.DeviceRequests = []container.DeviceRequest{{Count: -1}} }},
			warnings: []string{codeContainerName}, stopFirst: []string{"has devices assigned"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := factsOf(t, tt.captured)
			if f.In.Config.Labels == nil {
				f.In.Config.Labels = map[string]string{}
			}
			for _, change := range tt.with {
				change(&f)
			}
			a, err := Judge(f)
			if err != nil {
				t.Fatal(err)
			}
			var refusals, warnings []string
			for _, n := range a.Refusals {
				refusals = append(refusals, strings.TrimSpace(n.Code+" "+n.Override))
			}
			for _, n := range a.Warnings {
				warnings = append(warnings, n.Code)
			}
			if !slices.Equal(refusals, tt.refusals) {
				t.Errorf("refusals %v, want %v", a.Refusals, tt.refusals)
			}
			if !slices.Equal(warnings, tt.warnings) {
				t.Errorf("warnings %v, want %v", a.Warnings, tt.warnings)
			}
			if !slices.EqualFunc(a.StopFirst, tt.stopFirst, strings.HasPrefix) {
				t.Errorf("stop-first %q, want %q", a.StopFirst, tt.stopFirst)
			}
			if strings.Contains(string(a.Settings), "com.docker.compose") || strings.Contains(string(a.Settings), "edgeman.") {
				t.Errorf("settings keep somebody's labels: %s", a.Settings)
			}
			if strings.Contains(string(a.Settings), "AutoRemove") || strings.Contains(string(a.Settings), "RestartPolicy") {
				t.Errorf("settings let the daemon restart or remove: %s", a.Settings)
			}
		})
	}
}

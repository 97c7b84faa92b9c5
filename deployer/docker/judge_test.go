package docker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// machine changes the facts of a plain container.
type machine func(*facts)

func labelled(k, v string) machine {
	return func(f *facts) {
		f.in.Config.Labels[k] = v
		f.container.Labels[k] = v
		f.in.raw.Config.set("Labels", f.in.Config.Labels)
	}
}

func files(paths ...string) machine { return func(f *facts) { f.layer.written = paths } }

func rm() machine {
	return func(f *facts) {
		f.container.AutoRemove = true
		f.in.raw.HostConfig.set("AutoRemove", true)
	}
}

func anonymous(dest string) machine {
	return func(f *facts) {
		f.in.Config.Volumes = map[string]struct{}{dest: {}}
		f.in.Mounts = append(f.in.Mounts, container.MountPoint{Type: mount.TypeVolume, Name: strings.Repeat("ab", 32), Destination: dest, RW: true})
	}
}

func other(name, network string) machine {
	return func(f *facts) {
		o := container.Summary{ID: "0123456789abcdef", Names: []string{"/" + name}}
		o.HostConfig.NetworkMode = network
		f.others = append(f.others, o)
	}
}

func TestJudge(t *testing.T) {
	const ports, networks = "ports-app.api1.45", "networks-app.api1.45"
	tests := []struct {
		name     string
		captured string
		with     []machine
		refusals []string // code, or code and override
		warnings []string
		recreate []string // beginnings
	}{
		{
			name: "fixed ports", captured: ports,
			warnings: []string{CodeContainerName}, recreate: []string{"publishes *:19090 (9090/tcp)", "publishes *:19091-19092"},
		},
		{name: "all is read-only", captured: "no-entrypoint-app.api1.51", warnings: []string{CodeContainerName, CodeJobsTwice}},
		{
			name: "files written", captured: ports, with: []machine{files("/etc/x", "/srv/db")},
			refusals: []string{CodeWritableLayer + " --allow-writable-layer"}, warnings: []string{CodeContainerName}, recreate: []string{"publishes", "publishes"},
		},
		{name: "rm", captured: "no-entrypoint-app.api1.51", with: []machine{rm()}, warnings: []string{CodeRm, CodeContainerName, CodeJobsTwice}},
		{
			name: "rm with an anonymous volume", captured: "no-entrypoint-app.api1.51", with: []machine{rm(), anonymous("/data")},
			refusals: []string{CodeRmVolumes + " --allow-rm-volumes"}, warnings: []string{CodeRm, CodeContainerName}, recreate: []string{"keeps data in an anonymous volume at /data"},
		},
		{
			name: "compose", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("com.docker.compose.project", "shop"), labelled("com.docker.compose.service", "web")},
			warnings: []string{CodeCompose, CodeContainerName, CodeJobsTwice},
		},
		{
			name: "swarm", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("com.docker.swarm.service.name", "web")},
			refusals: []string{CodeManaged}, warnings: []string{CodeContainerName, CodeJobsTwice},
		},
		{
			name: "our own", captured: "no-entrypoint-app.api1.51", with: []machine{labelled("edgeman.app", "web")},
			refusals: []string{CodeOwn}, warnings: []string{CodeContainerName, CodeJobsTwice},
		},
		{
			name: "paused", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *facts) { f.container.Status = "paused" }},
			refusals: []string{CodeNotRunning}, warnings: []string{CodeContainerName, CodeJobsTwice},
		},
		{name: "image gone", captured: ports, with: []machine{func(f *facts) { f.imageGone = true }}, refusals: []string{CodeImageGone}},
		{
			name: "joined by id", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *facts) { other("sidecar", "container:"+f.container.ID)(f) }},
			warnings: []string{CodeJoined, CodeContainerName}, recreate: []string{"its network namespace is shared by sidecar"},
		},
		{
			name: "joined by name", captured: "no-entrypoint-app.api1.51", with: []machine{other("sidecar", "container:old"), other("unrelated", "container:older")},
			warnings: []string{CodeJoined, CodeContainerName}, recreate: []string{"its network namespace is shared by sidecar"},
		},
		{
			name: "fixed addresses", captured: networks, warnings: []string{CodeContainerName},
			recreate: []string{"has the fixed address 02:aa:bb:cc:dd:ee on network front", "has the fixed address 10.77.0.9 on network front"},
		},
		{name: "names in an overlap", captured: networks, with: []machine{func(f *facts) {
			for _, ep := range f.in.raw.NetworkSettings.Networks {
				ep.drop("IPAMConfig")
			}
			f.in.raw.Config.drop("MacAddress")
		}}, warnings: []string{CodeSharedNames, CodeContainerName, CodeJobsTwice}},
		{name: "open to others", captured: "ports-app.api1.45", with: []machine{func(f *facts) {
			f.container.Published = []Port{{HostIP: netip.IPv4Unspecified(), HostPort: 18080, ContainerPort: 8080, Proto: "tcp"}}
		}}, warnings: []string{CodePortGoesAway, CodeContainerName}, recreate: []string{"publishes", "publishes"}},
		{name: "host network", captured: "namespaces-app.api1.45", warnings: []string{CodeContainerName}, recreate: []string{"uses the host's network"}},
		{
			name: "gpu", captured: "no-entrypoint-app.api1.51", with: []machine{func(f *facts) { f.in.HostConfig.DeviceRequests = []container.DeviceRequest{{Count: -1}} }},
			warnings: []string{CodeContainerName}, recreate: []string{"has devices assigned"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := factsOf(t, "testdata/inspect/"+tt.captured+".json")
			if f.in.Config.Labels == nil {
				f.in.Config.Labels = map[string]string{}
			}
			for _, change := range tt.with {
				change(&f)
			}
			a, err := judge(f)
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
			if !slices.EqualFunc(a.Recreate, tt.recreate, strings.HasPrefix) {
				t.Errorf("recreate %q, want %q", a.Recreate, tt.recreate)
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

// What an app has cached does not keep its secrets, or its data, from being looked
// at, however much it is.
func TestCandidatesThatMatterComeFirst(t *testing.T) {
	var changes []container.FilesystemChange
	for i := range maxStats + 1 {
		changes = append(changes, container.FilesystemChange{Kind: container.ChangeAdd, Path: fmt.Sprintf("/app/__pycache__/%03d.pyc", i)})
	}
	for _, path := range []string{"/srv/db", "/run/secrets/token", "/etc/config"} {
		changes = append(changes, container.FilesystemChange{Kind: container.ChangeAdd, Path: path})
	}
	var got []string
	for _, c := range candidates(changes, nil)[:4] {
		got = append(got, c.path)
	}
	if want := []string{"/run/secrets/token", "/etc/config", "/srv/db", "/app/__pycache__/000.pyc"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCandidates(t *testing.T) {
	const modified, added, deleted = container.ChangeModify, container.ChangeAdd, container.ChangeDelete
	tests := []struct {
		name    string
		changes []container.FilesystemChange
		mounts  []string
		want    []string
	}{
		{name: "nothing"},
		{name: "scratch", changes: []container.FilesystemChange{
			{Kind: modified, Path: "/var"},
			{Kind: modified, Path: "/var/log"},
			{Kind: added, Path: "/var/log/app.log"},
			{Kind: modified, Path: "/run"},
			{Kind: added, Path: "/run/app.pid"},
			{Kind: added, Path: "/tmp/x"},
			{Kind: added, Path: "/var/cache/x/y"},
			{Kind: modified, Path: "/root"},
			{Kind: added, Path: "/root/.cache"},
			{Kind: added, Path: "/root/.cache/pip"},
			{Kind: modified, Path: "/app"},
			{Kind: added, Path: "/app/__pycache__"},
			{Kind: added, Path: "/app/__pycache__/a.pyc"},
		}},
		{name: "data", changes: []container.FilesystemChange{
			{Kind: modified, Path: "/srv"}, {Kind: added, Path: "/srv/db.sqlite"}, {Kind: deleted, Path: "/etc/motd"}, {Kind: modified, Path: "/etc"},
		}, want: []string{"/etc/motd", "/srv/db.sqlite"}},
		{name: "looks like scratch", changes: []container.FilesystemChange{
			{Kind: added, Path: "/srv/tmp/upload"}, {Kind: added, Path: "/tmpfile"}, {Kind: added, Path: "/var/lib/cache.db"},
		}, want: []string{"/srv/tmp/upload", "/tmpfile", "/var/lib/cache.db"}},
		{name: "mount points", mounts: []string{"/data", "/deep/er/mount/"}, changes: []container.FilesystemChange{
			{Kind: added, Path: "/data"}, {Kind: added, Path: "/deep"}, {Kind: added, Path: "/deep/er"}, {Kind: added, Path: "/deep/er/mount"}, {Kind: added, Path: "/deep/file"},
		}, want: []string{"/deep/file"}},
		{name: "a deleted directory counts though a file in it does", changes: []container.FilesystemChange{
			{Kind: deleted, Path: "/opt"}, {Kind: deleted, Path: "/opt/x"},
		}, want: []string{"/opt", "/opt/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range candidates(tt.changes, tt.mounts) {
				if !c.scratch {
					got = append(got, c.path)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

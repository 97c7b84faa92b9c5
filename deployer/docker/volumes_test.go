package docker

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

const anyVolume = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// However the place of a volume is spelled, it is one place.
func TestAnonymousVolumesBySpelling(t *testing.T) {
	for _, tt := range []struct {
		name string
		said func(*container.InspectResponse)
		want bool
	}{
		{"image, plain", func(in *container.InspectResponse) { in.Config.Volumes = map[string]struct{}{"/data": {}} }, true},
		{"image, slash at the end", func(in *container.InspectResponse) { in.Config.Volumes = map[string]struct{}{"/data/": {}} }, true},
		{"image, two slashes", func(in *container.InspectResponse) { in.Config.Volumes = map[string]struct{}{"//data": {}} }, true},
		{"mount", func(in *container.InspectResponse) {
			in.HostConfig.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: "/data/"}}
		}, true},
		{"mount, way round", func(in *container.InspectResponse) {
			in.HostConfig.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: "/x/../data"}}
		}, true},
		{"bind", func(in *container.InspectResponse) { in.HostConfig.Binds = []string{"/data/"} }, true},
		{"named by a mount", func(in *container.InspectResponse) {
			in.Config.Volumes = map[string]struct{}{"/data": {}}
			in.HostConfig.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: anyVolume, Target: "/data/"}}
		}, false},
		{"named by a bind", func(in *container.InspectResponse) {
			in.Config.Volumes = map[string]struct{}{"/data": {}}
			in.HostConfig.Binds = []string{anyVolume + ":/data/:rw"}
		}, false},
		{"another container's", func(*container.InspectResponse) {}, false},
	} {
		in := container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{}}, Config: &container.Config{}}
		in.Mounts = []container.MountPoint{{Type: mount.TypeVolume, Name: anyVolume, Destination: "/data", RW: true}}
		tt.said(&in)
		if got := len(anonymousVolumes(in)) == 1; got != tt.want {
			t.Errorf("%s: anonymous %v, want %v", tt.name, got, tt.want)
		}
	}
}

// No place is mounted twice, and a source that is missing is never made.
func TestResolveMounts(t *testing.T) {
	for _, tt := range []struct{ name, host, mounts, want string }{
		{
			"a volume without a name", `{"Mounts":[{"Type":"volume","Target":"/data/"}]}`,
			`[{"Type":"volume","Name":"v1","Destination":"/data","RW":true}]`,
			`{"Mounts":[{"Source":"v1","Target":"/data","Type":"volume"}]}`,
		},
		{
			"tmpfs", `{"Tmpfs":{"/scratch/":""}}`, `[{"Type":"tmpfs","Destination":"/scratch"}]`, `{"Tmpfs":{"/scratch/":""}}`,
		},
		{
			"a path of the host", `{"Binds":["/srv/a:/a/:ro,rslave"]}`, `[{"Type":"bind","Source":"/srv/a","Destination":"/a"}]`,
			`{"Mounts":[{"BindOptions":{"Propagation":"rslave"},"ReadOnly":true,"Source":"/srv/a","Target":"/a","Type":"bind"}]}`,
		},
		{
			"labelled for SELinux", `{"Binds":["/srv/a:/a:Z"]}`, `[{"Type":"bind","Source":"/srv/a","Destination":"/a","RW":true}]`,
			`{"Binds":["/srv/a:/a:Z"]}`,
		},
		{
			"made if it is missing", `{"Mounts":[{"Type":"bind","Source":"/srv/a","Target":"/a","BindOptions":{"CreateMountpoint":true,"NonRecursive":true}}]}`, `[]`,
			`{"Mounts":[{"BindOptions":{"NonRecursive":true},"Source":"/srv/a","Target":"/a","Type":"bind"}]}`,
		},
		{
			"a named volume", `{"Binds":["named:/data/:nocopy"]}`, `[{"Type":"volume","Name":"named","Destination":"/data","RW":true}]`,
			`{"Binds":["named:/data/:nocopy"]}`,
		},
	} {
		raw := `{"Id":"x","Name":"/x","State":{},"Config":{},"HostConfig":` + tt.host + `,"Mounts":` + tt.mounts + `}`
		in, err := readInspect(json.RawMessage(raw))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		f := in.raw.HostConfig.clone()
		if err := resolveMounts(f, in); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got, _ := json.Marshal(f); string(got) != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

// A volume that an image declares is the app's from then on.
func TestNameAndShareVolumes(t *testing.T) {
	stored := json.RawMessage(`{"version":1,"host_config":{"Binds":["named:/named/"],"Tmpfs":{"/tmpfs/":""},"Mounts":[{"Type":"volume","Source":"own","Target":"/own"}]}}`)
	img := Image{Volumes: []string{"/data", "/named", "/own", "/tmpfs"}}
	name := func(target string) string { return VolumeName("shop", target, "1") }
	second, added, err := NameVolumes(stored, img, "shop", name)
	if err != nil || !slices.Equal(added, []Volume{{"shop-data-1", "/data"}}) {
		t.Fatalf("added %v, %v", added, err)
	}
	if again, added, err := NameVolumes(second, img, "shop", name); err != nil || len(added) != 0 || string(again) != string(second) {
		t.Errorf("once more: %v, %v", added, err)
	}
	shared, added, err := ShareVolumes(stored, stored, second)
	if err != nil || !slices.Equal(added, []Volume{{"shop-data-1", "/data"}}) || string(shared) != string(second) {
		t.Errorf("shared %v, %v: %s", added, err, shared)
	}
	for app, want := range map[string]int{"shop": 1, "other": 0} {
		if got, err := Named(second, app); err != nil || len(got) != want {
			t.Errorf("made for %s: %v, %v", app, got, err)
		}
	}
	if _, err := Named(json.RawMessage(`{"version":9}`), "shop"); err == nil {
		t.Error("settings of a newer edgeman are read all the same")
	}
	for target, want := range map[string]string{"/": "shop-1", "/var/lib/x y": "shop-var-lib-x-y-1", "/ü/../": "shop-1", "/" + strings.Repeat("a", 99): "shop-" + strings.Repeat("a", 40) + "-1"} {
		if got := VolumeName("shop", target, "1"); got != want || !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(got) {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

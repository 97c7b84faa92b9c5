package definition

import (
	"encoding/json"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"edgeman/deployer/docker/inspect"
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
		if got := len(AnonymousVolumes(in)) == 1; got != tt.want {
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
		in, err := inspect.ReadAnswer(json.RawMessage(raw))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		f := in.Raw.HostConfig.Clone()
		if err := resolveMounts(f, in); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got, _ := json.Marshal(f); string(got) != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

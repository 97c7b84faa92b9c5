package adoptable

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
)

// What has changed on a container since it was made is taken into the settings
// of the next one, or said.
func TestCompare(t *testing.T) {
	stored := `{"version":1,"host_config":{"NetworkMode":"web","Memory":67108864},"networks":{"web":{"Aliases":["b","a"]},"db":{}},
		"files":[{"path":"/etc/key","mode":256,"uid":0,"gid":0,"data":"b25l"}]}`
	tests := []struct {
		name, host, networks, config string
		layer                        layer.Layer
		changed, notes, stopFirst    []string
		refused                      bool
		settings                     []string // has to be in them
	}{
		{
			name: "nothing", host: `"NetworkMode":"web","Memory":67108864`, networks: `"web":{"Aliases":["a","b","0123456789ab"],"IPAddress":"172.18.0.2"},"db":{"Aliases":null,"IPAMConfig":{}}`,
			settings: []string{`"/etc/key"`},
		},
		{
			name: "limits", host: `"NetworkMode":"web","Memory":134217728,"CpuShares":512,"NanoCpus":0`, networks: `"web":{"Aliases":["a","b"]},"db":{}`,
			changed: []string{"CpuShares - → 512", "Memory 67108864 → 134217728"}, settings: []string{`"CpuShares": 512`, `"Memory": 134217728`},
		},
		{
			name: "a limit taken away", host: `"NetworkMode":"web","Memory":0`, networks: `"web":{"Aliases":["a","b"]},"db":{}`,
			changed: []string{"Memory 67108864 → -"},
		},
		{
			name: "restart policy", host: `"NetworkMode":"web","Memory":67108864,"RestartPolicy":{"Name":"always"}`, networks: `"web":{"Aliases":["a","b"]},"db":{}`,
			notes: []string{"container shop-blue-2 has the restart policy always by now"},
		},
		{
			name: "networks", host: `"NetworkMode":"web","Memory":67108864`, networks: `"web":{"Aliases":["a","b"]},"cache":{"Aliases":["c"],"IPAMConfig":{"IPv4Address":"10.0.0.9"}}`,
			changed: []string{"off network db", "on network cache"}, stopFirst: []string{"has the fixed address 10.0.0.9 on network cache"}, settings: []string{`"cache"`, "10.0.0.9"},
		},
		{
			name: "another name on a network", host: `"NetworkMode":"web","Memory":67108864`, networks: `"web":{"Aliases":["a","b"]},"db":{"Aliases":["c"]}`,
			changed: []string{"its address or names on network db"}, settings: []string{`"c"`},
		},
		{
			name: "off its own network", host: `"NetworkMode":"web","Memory":67108864`, networks: `"db":{}`,
			notes: []string{"the container was taken off network web"}, settings: []string{`"web"`},
		},
		{
			name: "data", host: `"NetworkMode":"web","Memory":67108864`, networks: `"web":{"Aliases":["a","b"]},"db":{}`, layer: layer.Layer{Written: []string{"/upload"}, Scratch: []string{"/tmp/x"}},
			refused: true,
		},
		{
			name: "values", host: `"NetworkMode":"web","Memory":67108864`, networks: `"web":{"Aliases":["a","b"]},"db":{}`,
			layer:   layer.Layer{Values: []layer.File{{Path: "/run/secrets", Dir: true}, {Path: "/run/secrets/new", Data: []byte("x")}, {Path: "/etc/key", Data: []byte("two")}}},
			changed: []string{"the value of /run/secrets/new", "the value of /etc/key"}, settings: []string{`"dHdv"`, `"/run/secrets"`, `"/run/secrets/new"`},
		},
	}
	for _, tt := range tests {
		s, err := definition.Parse(json.RawMessage(stored))
		if err != nil {
			t.Fatal(err)
		}
		in, err := inspect.ReadAnswer(json.RawMessage(`{"Id":"0123456789abcdef","Name":"/shop-blue-2","State":{},"Config":{},"HostConfig":{` + tt.host + `},"NetworkSettings":{"Networks":{` + tt.networks + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		l, err := Compare(s, in, tt.layer)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !slices.Equal(l.Changed, tt.changed) || !slices.Equal(l.StopFirst, tt.stopFirst) || (len(l.Refusals) > 0) != tt.refused {
			t.Errorf("%s: changed %q, stop-first %q, refused %v", tt.name, l.Changed, l.StopFirst, l.Refusals)
		}
		if !slices.EqualFunc(l.Notes, tt.notes, strings.HasPrefix) {
			t.Errorf("%s: said %q, want %q", tt.name, l.Notes, tt.notes)
		}
		for _, want := range tt.settings {
			if !strings.Contains(string(l.Settings), want) {
				t.Errorf("%s: the settings lack %s:\n%s", tt.name, want, l.Settings)
			}
		}
	}
}

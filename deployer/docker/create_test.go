package docker

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"edgeman/deployer/docker/inspect"
)

var anonymousVolume = strings.Repeat("ab", 32)

// What a container needs is held by one that uses the same image, volumes and
// networks, and that makes no volume of its own.
func TestHold(t *testing.T) {
	raw := `{"Id":"a","Name":"/app","Image":"sha256:1","State":{},"HostConfig":{},
		"Config":{"Volumes":{"/data":{},"/cache/":{}}},
		"Mounts":[{"Type":"volume","Name":"` + anonymousVolume + `","Destination":"/data","RW":true},{"Type":"volume","Name":"files","Destination":"/files","RW":true},{"Type":"bind","Source":"/srv","Destination":"/cache","RW":true}],
		"NetworkSettings":{"Networks":{"bridge":{},"web":{"Aliases":["app"]}}}}`
	e := &engine{api: "1.44", answers: map[string]answer{
		"POST /containers/create":  {201, `{"Id":"h"}`},
		"POST /containers/h/start": {204, ``},
	}}
	c, _ := e.listen(t)
	err := c.Hold(context.Background(), inspect.Container{Name: "app", Raw: json.RawMessage(raw)}, HoldSpec{Name: "app-rest", Program: "/init", Labels: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Image      string
		Entrypoint []string
		Cmd        []string
		HostConfig struct {
			NetworkMode string
			Mounts      []struct {
				Type, Source, Target string
				ReadOnly             bool
			}
		}
		NetworkingConfig struct {
			EndpointsConfig map[string]struct{ Aliases []string }
		}
	}
	if err := json.Unmarshal([]byte(e.bodies["POST /containers/create"]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Image != "sha256:1" || got.Cmd[0] != HoldArgument || got.HostConfig.NetworkMode != "web" {
		t.Errorf("%+v", got)
	}
	if web, ok := got.NetworkingConfig.EndpointsConfig["web"]; !ok || len(web.Aliases) > 0 || len(got.NetworkingConfig.EndpointsConfig) != 1 {
		t.Errorf("networks %+v", got.NetworkingConfig)
	}
	var mounts []string
	for _, m := range got.HostConfig.Mounts {
		if m.Type == "volume" && !m.ReadOnly {
			t.Errorf("%s may be written to", m.Target)
		}
		mounts = append(mounts, m.Type+" "+m.Source+" "+m.Target)
	}
	want := "volume " + anonymousVolume + " /data, volume files /files, tmpfs  /cache/, bind /init /.edgeman/init"
	if strings.Join(mounts, ", ") != want {
		t.Errorf("mounts %s, want %s", strings.Join(mounts, ", "), want)
	}
}

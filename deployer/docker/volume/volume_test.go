package volume

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
)

var anonymousVolume = strings.Repeat("ab", 32)

// A container that is made anew gets the volumes without a name that are held, and
// that its settings do not know, writable.
func TestKeepHeld(t *testing.T) {
	held := inspect.Container{Raw: json.RawMessage(`{"Id":"h","Name":"/h","Image":"sha256:1","State":{},"Config":{},"HostConfig":{},"NetworkSettings":{},
		"Mounts":[{"Type":"volume","Name":"` + anonymousVolume + `","Destination":"/data","RW":false},{"Type":"volume","Name":"files","Destination":"/files"}]}`)}
	out, added, err := KeepHeld(json.RawMessage(`{"version":1}`), held)
	if err != nil || len(added) != 1 || added[0].Target != "/data" || !strings.Contains(string(out), anonymousVolume) || strings.Contains(string(out), "ReadOnly") {
		t.Fatalf("%s, %v, %v", out, added, err)
	}
	if again, added, err := KeepHeld(out, held); err != nil || len(added) > 0 || string(again) != string(out) {
		t.Errorf("once more: %s, %v, %v", again, added, err)
	}
}

// A volume that an image declares is the app's from then on.
func TestNameAndShareVolumes(t *testing.T) {
	stored := json.RawMessage(`{"version":1,"host_config":{"Binds":["named:/named/"],"Tmpfs":{"/tmpfs/":""},"Mounts":[{"Type":"volume","Source":"own","Target":"/own"}]}}`)
	img := inspect.Image{Volumes: []string{"/data", "/named", "/own", "/tmpfs"}}
	name := func(target string) string { return NewName("shop", target, "1") }
	second, added, err := AddDeclared(stored, img, "shop", name)
	if err != nil || !slices.Equal(added, []definition.Volume{{Name: "shop-data-1", Target: "/data"}}) {
		t.Fatalf("added %v, %v", added, err)
	}
	if again, added, err := AddDeclared(second, img, "shop", name); err != nil || len(added) != 0 || string(again) != string(second) {
		t.Errorf("once more: %v, %v", added, err)
	}
	shared, added, err := Share(stored, stored, second)
	if err != nil || !slices.Equal(added, []definition.Volume{{Name: "shop-data-1", Target: "/data"}}) || string(shared) != string(second) {
		t.Errorf("shared %v, %v: %s", added, err, shared)
	}
	for app, want := range map[string]int{"shop": 1, "other": 0} {
		if got, err := Declared(second, app); err != nil || len(got) != want {
			t.Errorf("made for %s: %v, %v", app, got, err)
		}
	}
	if _, err := Declared(json.RawMessage(`{"version":9}`), "shop"); err == nil {
		t.Error("settings of a newer edgeman are read all the same")
	}
	for target, want := range map[string]string{"/": "shop-1", "/var/lib/x y": "shop-var-lib-x-y-1", "/ü/../": "shop-1", "/" + strings.Repeat("a", 99): "shop-" + strings.Repeat("a", 40) + "-1"} {
		if got := NewName("shop", target, "1"); got != want || !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(got) {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

package adoptable

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
)

var network, anon, fresh = strings.Repeat("1f", 32), strings.Repeat("ab", 32), strings.Repeat("cd", 32)

// shown is a container that Compose has made and never started, as inspect shows it.
func shown(env string) string {
	return `{"Id":"t","Name":"/app-edgeman-template-1","State":{"Status":"created"},"Config":{"Hostname":"shop","Env":[` + env + `],"Labels":{"com.docker.compose.service":"edgeman-template","team":"red"}},
"HostConfig":{"NetworkMode":"` + network + `","Binds":["/b:/b:z","/a:/a:z"],"Mounts":[{"Type":"volume","Source":"app_data","Target":"/data","VolumeOptions":{}},{"Type":"volume","Target":"/anon","VolumeOptions":{}}],"PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}],"9090/tcp":[{"HostIp":"127.0.0.1","HostPort":"9090"}]}},
"Mounts":[{"Type":"volume","Name":"` + fresh + `","Destination":"/anon","RW":true},{"Type":"volume","Name":"app_data","Destination":"/data","RW":true}],
"NetworkSettings":{"Networks":{"` + network + `":{"Aliases":["app-edgeman-template-1","edgeman-template","shop"]}}}}`
}

const live = `{"version":3,"files":[{"path":"/run/secrets/tok","mode":256,"data":"aHVzaA=="}],
"config":{"Hostname":"shop","Env":["A=1"],"Labels":{"team":"red"}},
"host_config":{"NetworkMode":"app_default","Binds":["/a:/a:z","/b:/b:z"],"PortBindings":{"9090/tcp":[{"HostIp":"127.0.0.1","HostPort":"9090"}]},
"Mounts":[{"Type":"volume","Source":"app_data","Target":"/data","VolumeOptions":{}},{"Type":"volume","Source":"ANON","Target":"/anon","VolumeOptions":{}}]},
"networks":{"app_default":{"Aliases":["app-web-1","web","shop"],"Links":["db:sql"]}}}`

func declare(t *testing.T, inspected, live string) Declared {
	t.Helper()
	var f Facts
	var err error
	if f.In, err = inspect.ReadAnswer(json.RawMessage(inspected)); err != nil {
		t.Fatal(err)
	}
	if f.Container, err = inspect.ReadContainer([]byte(inspected)); err != nil {
		t.Fatal(err)
	}
	f.Served = []Served{{Port: 8080, At: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}}}
	d, err := Declare(f, Like{
		Live: json.RawMessage(strings.Replace(strings.Replace(live, `"version":3`, `"version":2`, 1), "ANON", anon, 1)), Name: "app-web-1",
		Aliases: map[string]string{"edgeman-template": "web", "app-edgeman-template-1": ""}, Networks: map[string]string{network: "app_default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What was adopted is what the same file declares: names, the port that was taken
// over, values, volumes without a name and the order of lists make no difference.
func TestDeclaredAsAdopted(t *testing.T) {
	d := declare(t, shown(`"A=1"`), live)
	if len(d.Differ) > 0 || len(d.Unnamed) > 0 {
		t.Errorf("differs in %q, unnamed %q", d.Differ, d.Unnamed)
	}
	s, err := definition.Parse(d.Settings)
	if err != nil || len(s.Files) != 1 {
		t.Fatalf("%+v, %v", s.Files, err)
	}
	text := string(d.Settings)
	for part, want := range map[string]bool{anon: true, fresh: false, network: false, "edgeman-template": false, "com.docker.compose": false, `"8080/tcp"`: false, `"9090/tcp"`: true, "db:sql": true} {
		if strings.Contains(text, part) != want {
			t.Errorf("%s is there: %v\n%s", part, !want, text)
		}
	}
	if !slices.Contains(d.StopFirst, "writes to the volume app_data at /data") {
		t.Errorf("stop first because %q", d.StopFirst)
	}
}

// A variable is told by its name only, and a volume that nobody has yet by its place.
func TestDeclaredOtherwise(t *testing.T) {
	d := declare(t, shown(`"A=hush","B=2"`), strings.Replace(live, `,{"Type":"volume","Source":"ANON","Target":"/anon","VolumeOptions":{}}`, "", 1))
	if want := []string{"environment variable A", "environment variable B"}; !slices.Equal(d.Differ, want) {
		t.Errorf("differs in %q, want %q", d.Differ, want)
	}
	if !slices.Equal(d.Unnamed, []string{"/anon"}) || strings.Contains(string(d.Settings), fresh) {
		t.Errorf("unnamed %q in\n%s", d.Unnamed, d.Settings)
	}
}

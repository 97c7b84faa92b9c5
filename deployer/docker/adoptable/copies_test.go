package adoptable

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
)

const copySettings = `{"version":1,
 "config":{"Env":["A=1","B=s3cret"],"Labels":{"team":"web"},"Hostname":"HOST"},
 "host_config":{"NetworkMode":"front","Memory":64000000,"Mounts":[{"Type":"volume","Source":"data","Target":"/data"},{"Type":"bind","Source":"/etc/x","Target":"/x","ReadOnly":true}]},
 "networks":{"front":{"Aliases":["web","NAME"],"IPAMConfig":{"IPv4Address":"172.20.0.9"}}}}`

// copyOf is the adoption of one of several containers, after some changes.
func copyOf(name string, changes ...string) Adoption {
	with := strings.NewReplacer(append([]string{"NAME", name, "HOST", "host-of-" + name}, changes...)...)
	return Adoption{
		Container: inspect.Container{Name: name}, Settings: json.RawMessage(with.Replace(copySettings)),
		StopFirst: []string{"writes to the volume data at /data", with.Replace("has the fixed address 172.20.0.9 on network front")},
		Warnings:  []Note{{Code: codeContainerName, Text: "tools address " + name}, {Code: codeCompose, Text: "compose"}},
	}
}

func TestCopies(t *testing.T) {
	const reordered = `{"Type":"bind","Source":"/etc/x","Target":"/x","ReadOnly":true},{"Type":"volume","Source":"data","Target":"/data"}`
	const ordered = `{"Type":"volume","Source":"data","Target":"/data"},{"Type":"bind","Source":"/etc/x","Target":"/x","ReadOnly":true}`
	a, differ, err := JoinCopies([]Adoption{copyOf("web-1"), copyOf("web-2", "172.20.0.9", "172.20.0.10", ordered, reordered), copyOf("web-3")})
	if err != nil || len(differ) > 0 {
		t.Fatalf("%v, differ in %v", err, differ)
	}
	s, err := definition.Parse(a.Settings)
	if err != nil {
		t.Fatal(err)
	}
	var aliases []string
	if err := s.Networks["front"].Get("Aliases", &aliases); err != nil || strings.Join(aliases, " ") != "web web-1 web-2 web-3" {
		t.Errorf("aliases %v, %v: every name has to lead to a copy", aliases, err)
	}
	for _, own := range []string{"172.20", "host-of"} {
		if strings.Contains(string(a.Settings), own) {
			t.Errorf("%s is in the settings of all:\n%s", own, a.Settings)
		}
	}
	if !slices.Equal(a.StopFirst, []string{"writes to the volume data at /data"}) {
		t.Errorf("stop-first because %q", a.StopFirst)
	}
	var codes []string
	for _, n := range a.Warnings {
		codes = append(codes, n.Code)
	}
	if got, want := strings.Join(codes, " "), "own-address container-name compose own-address container-name own-address container-name own-name"; got != want {
		t.Errorf("warnings %s, want %s", got, want)
	}
	if single, err := definition.Single(a.Settings); err != nil || len(single) > 0 {
		t.Errorf("only one may exist: %v, %v", single, err)
	}
}

// Containers that are stopped first only for an address of their own need not
// be, as copies: then old and new run beside each other, and that is said.
func TestCopiesBesideEachOther(t *testing.T) {
	first, second := copyOf("web-1"), copyOf("web-2")
	first.StopFirst, second.StopFirst = first.StopFirst[1:], second.StopFirst[1:]
	a, _, err := JoinCopies([]Adoption{first, second})
	if err != nil || len(a.StopFirst) > 0 {
		t.Fatalf("%v, stop-first because %v", err, a.StopFirst)
	}
	var told string
	for _, n := range a.Warnings {
		told += n.Code + " " + n.Text + "\n"
	}
	for _, want := range []string{"shared-names while two copies run, these names reach either: web, web-1, web-2 on network front", "jobs-twice"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
}

func TestCopiesThatDiffer(t *testing.T) {
	tests := []struct {
		name    string
		changes []string
		want    string
	}{
		{"environment", []string{"s3cret", "other"}, "environment variable B"},
		{"one variable more", []string{`"A=1"`, `"A=1","C=3"`}, "environment variable C"},
		{"label", []string{`"team":"web"`, `"team":"api"`}, "label team"},
		{"command", []string{`"Env"`, `"Cmd":["serve"],"Env"`}, "Cmd"},
		{"limit", []string{"64000000", "32000000"}, "Memory"},
		{"volume", []string{`"Source":"data"`, `"Source":"data2"`}, "mounts"},
		{"network", []string{`"front":{`, `"back":{`}, "network back, network front"},
		{"value", []string{`"version":1`, `"version":2,"files":[{"path":"/run/secrets/tok","data":"aHVzaA=="}]`}, "the file /run/secrets/tok"},
		{"ports", []string{`"Memory"`, `"PortBindings":{"9090/tcp":[{"HostPort":"9090"}]},"Memory"`}, "other published ports"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, differ, err := JoinCopies([]Adoption{copyOf("web-1"), copyOf("web-2", tt.changes...)})
			if got := strings.Join(differ, ", "); err != nil || got != tt.want {
				t.Errorf("differ in %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

package definition

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/rawjson"
)

// What each member of a HostConfig becomes. The test hosts cannot set limits, so
// these are not among the captured containers.
func TestHostConfigMembers(t *testing.T) {
	tests := []struct {
		key, value string
		want       string // empty: left out
	}{
		{"Memory", "67108864", "67108864"},
		{"Memory", "0", ""},
		{"MemorySwap", "9223372036854775807", "9223372036854775807"},
		{"MemorySwappiness", "0", "0"},
		{"MemorySwappiness", "null", ""},
		{"NanoCpus", "1500000000", "1500000000"},
		{"CpusetCpus", `"0-1"`, `"0-1"`},
		{"PidsLimit", "200", "200"},
		{"PidsLimit", "0", ""},
		{"OomKillDisable", "true", "true"},
		{"OomKillDisable", "false", ""},
		{"Init", "false", "false"},
		{"KernelMemory", "0", ""},
		{"BlkioDeviceReadBps", `[{"Path":"/dev/sda","Rate":1}]`, `[{"Path":"/dev/sda","Rate":1}]`},
		{"BlkioWeightDevice", "[]", ""},
		{"DeviceRequests", `[{"Driver":"","Count":-1,"Capabilities":[["gpu"]],"FutureField":1}]`, `[{"Driver":"","Count":-1,"Capabilities":[["gpu"]],"FutureField":1}]`},
		{"MaskedPaths", "[]", "[]"},
		{"MaskedPaths", "null", ""},
		{"MaskedPaths", `["/proc/kcore","/proc/keys","/proc/timer_list","/sys/firmware"]`, ""},
		{"MaskedPaths", `["/proc/kcore","/proc/keys","/proc/timer_list","/srv/secret"]`, `["/proc/kcore","/proc/keys","/proc/timer_list","/srv/secret"]`},
		{"ReadonlyPaths", "[]", "[]"},
		{"Links", `["/db:/old/alias"]`, `["db:alias"]`},
		{"StorageOpt", `{"size":"10G"}`, `{"size":"10G"}`},
		{"Annotations", `{"a":"b"}`, `{"a":"b"}`},
		{"ContainerIDFile", `"/tmp/cid"`, ""},
		{"ConsoleSize", "[24,80]", ""},
		{"FutureSwitch", "false", "false"},
		{"FutureSwitch", "null", ""},
	}
	for _, tt := range tests {
		raw, _ := captured(t, "no-entrypoint-app.api1.51")
		var whole map[string]json.RawMessage
		var host rawjson.Object
		if json.Unmarshal(raw, &whole) != nil || json.Unmarshal(whole["HostConfig"], &host) != nil {
			t.Fatal("captured container")
		}
		host[tt.key] = json.RawMessage(tt.value)
		whole["HostConfig"], _ = json.Marshal(host)
		raw, _ = json.Marshal(whole)
		in, err := inspect.ReadAnswer(raw)
		if err != nil {
			t.Fatalf("%s %s: %v", tt.key, tt.value, err)
		}
		got, err := HostConfig(in)
		if err != nil || string(got[tt.key]) != tt.want {
			t.Errorf("%s %s: %q, want %q, %v", tt.key, tt.value, got[tt.key], tt.want, err)
		}
	}
}

// An entrypoint and a command are settings only where the image has others.
func TestSubtractCommand(t *testing.T) {
	type command struct{ entrypoint, cmd []string }
	tests := []struct {
		name           string
		image, running command
		want           string
	}{
		{"the image's", command{[]string{"e"}, []string{"c"}}, command{[]string{"e"}, []string{"c"}}, `{}`},
		{"other command", command{[]string{"e"}, []string{"c"}}, command{[]string{"e"}, []string{"d"}}, `{"Cmd":["d"]}`},
		{"other entrypoint", command{[]string{"e"}, []string{"c"}}, command{[]string{"f"}, nil}, `{"Entrypoint":["f"]}`},
		{"same entrypoint, said again without a command", command{[]string{"e"}, []string{"c"}}, command{[]string{"e"}, nil}, `{"Entrypoint":["e"]}`},
		{"no entrypoint", command{[]string{"e"}, []string{"c"}}, command{nil, []string{"d"}}, `{"Cmd":["d"],"Entrypoint":[""]}`},
		{"image without entrypoint", command{nil, []string{"c"}}, command{nil, []string{"d"}}, `{"Cmd":["d"]}`},
		{"both", command{[]string{"e"}, []string{"c"}}, command{[]string{"f"}, []string{"c"}}, `{"Cmd":["c"],"Entrypoint":["f"]}`},
	}
	for _, tt := range tests {
		f := rawjson.Object{}
		subtractCommand(f, &container.Config{Entrypoint: tt.running.entrypoint, Cmd: tt.running.cmd}, dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{Entrypoint: tt.image.entrypoint, Cmd: tt.image.cmd},
		})
		if got, _ := json.Marshal(f); string(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		// Sent to an image with the same defaults it comes out the same.
		var e, c []string
		_ = f.Get("Entrypoint", &e)
		_ = f.Get("Cmd", &c)
		var img inspect.ImageConfig
		img.Config.Entrypoint, img.Config.Cmd = tt.image.entrypoint, tt.image.cmd
		if e, c = EffectiveCommand(e, c, img); !slices.Equal(e, tt.running.entrypoint) || !slices.Equal(c, tt.running.cmd) {
			t.Errorf("%s: comes out as %q %q", tt.name, e, c)
		}
	}
}

package docker

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// captured reads an inspect answer and its image's, as real engines gave them.
func captured(t *testing.T, path string) (ct, img json.RawMessage) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Container, Image json.RawMessage }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f.Container, f.Image
}

// factsOf are those of a captured container whose app listens on 8080.
func factsOf(t *testing.T, path string) facts {
	t.Helper()
	raw, img := captured(t, path)
	f := facts{port: 8080, hostname: "testhost", at: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:18080")}}
	var err error
	if f.container, err = parseContainer(raw); err != nil {
		t.Fatal(err)
	}
	if f.in, err = readInspect(raw); err != nil {
		t.Fatal(err)
	}
	if f.image, err = readImage(img); err != nil {
		t.Fatal(err)
	}
	return f
}

// The settings and reasons of containers that engines 20.10, 26.1 and 28.5
// described.
func TestAdoptGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/inspect/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no captured containers", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := judge(factsOf(t, path))
			if err != nil {
				t.Fatal(err)
			}
			got := string(a.Settings) + "\n" + strings.Join(a.Recreate, "\n") + "\n"
			golden := filepath.Join("testdata/settings", strings.TrimSuffix(filepath.Base(path), "json")+"txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if len(a.Refusals) > 0 {
				t.Errorf("refused: %v", a.Refusals)
			}
		})
	}
}

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
		raw, _ := captured(t, "testdata/inspect/no-entrypoint-app.api1.51.json")
		var whole map[string]json.RawMessage
		var host fields
		if json.Unmarshal(raw, &whole) != nil || json.Unmarshal(whole["HostConfig"], &host) != nil {
			t.Fatal("captured container")
		}
		host[tt.key] = json.RawMessage(tt.value)
		whole["HostConfig"], _ = json.Marshal(host)
		raw, _ = json.Marshal(whole)
		in, err := readInspect(raw)
		if err != nil {
			t.Fatalf("%s %s: %v", tt.key, tt.value, err)
		}
		got, err := hostConfig(in)
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
		f := fields{}
		subtractCommand(f, &container.Config{Entrypoint: tt.running.entrypoint, Cmd: tt.running.cmd}, dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{Entrypoint: tt.image.entrypoint, Cmd: tt.image.cmd},
		})
		if got, _ := json.Marshal(f); string(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		// Sent to an image with the same defaults it comes out the same.
		var e, c []string
		_ = f.get("Entrypoint", &e)
		_ = f.get("Cmd", &c)
		var img imageConfig
		img.Config.Entrypoint, img.Config.Cmd = tt.image.entrypoint, tt.image.cmd
		if e, c = effectiveCommand(e, c, img); !slices.Equal(e, tt.running.entrypoint) || !slices.Equal(c, tt.running.cmd) {
			t.Errorf("%s: comes out as %q %q", tt.name, e, c)
		}
	}
}

package adoptable

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgeman/deployer/docker/inspect"
)

var update = flag.Bool("update", false, "write the golden files")

// factsOf are those of a captured container whose app listens on 8080.
func factsOf(t *testing.T, name string) Facts {
	t.Helper()
	raw, img := captured(t, name)
	f := Facts{Hostname: "testhost", Served: []Served{{8080, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:18080")}}}}
	var err error
	if f.Container, err = inspect.ReadContainer(raw); err != nil {
		t.Fatal(err)
	}
	if f.In, err = inspect.ReadAnswer(raw); err != nil {
		t.Fatal(err)
	}
	if f.Image, err = inspect.ReadImageConfig(img); err != nil {
		t.Fatal(err)
	}
	return f
}

// The settings and reasons of containers that engines 20.10, 26.1 and 28.5
// described.
func TestAdoptGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/inspect/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no captured containers", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			a, err := Judge(factsOf(t, name))
			if err != nil {
				t.Fatal(err)
			}
			got := string(a.Settings) + "\n" + strings.Join(a.StopFirst, "\n") + "\n"
			golden := filepath.Join("testdata/settings", name+".txt")
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

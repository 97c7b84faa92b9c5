package docker

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// captured reads an inspect answer and its image's, as real engines gave them.
func captured(t *testing.T, path string) (container, image json.RawMessage) {
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
	f := facts{port: 8080, hostname: "testhost", at: netip.MustParseAddrPort("127.0.0.1:18080")}
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

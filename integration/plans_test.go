//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"edgeman/integration/host"
)

// planTests is unadopt's test binary, built once.
var planTests = sync.OnceValues(func() ([]byte, error) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("edgeman-plans-%d.test", os.Getpid()))
	defer os.Remove(path)
	cmd := exec.Command("go", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", path, "../deployer/unadopt")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(path)
})

// Plans for sites made by chance are carried out and taken back, file by file,
// with the nginx of each release: TestPlans of unadopt.
func TestPlansOnEachNginx(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		program, err := planTests()
		if err == nil {
			err = h.WriteFile(ctx, "/opt/plans.test", program, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		out := must(ctx, t, h, "env", "EDGEMAN_PLANS=40", "/opt/plans.test", "-test.run", "^TestPlans$", "-test.v", "-test.timeout", "5m")
		_, tally, _ := strings.Cut(out, "40 trees")
		t.Log(firstLine(tally))
		if strings.Contains(out, "SKIP") || !strings.Contains(out, "40 trees") {
			t.Error("it was not run")
		}
	})
}

package inspect

import (
	"testing"

	"github.com/docker/docker/api/types/container"
)

func TestUnhealthy(t *testing.T) {
	failed := &container.HealthcheckResult{ExitCode: 127, Output: " curl: not found\nmore\n"}
	for want, h := range map[string]*container.Health{
		"":                         {Status: container.Starting, Log: []*container.HealthcheckResult{failed}},
		"exit 127 curl: not found": {Status: container.Unhealthy, Log: []*container.HealthcheckResult{{}, failed, nil}},
		"no answer":                {Status: container.Unhealthy},
	} {
		if got := unhealthy(h); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := unhealthy(nil); got != "" {
		t.Errorf("without a check: %q", got)
	}
}

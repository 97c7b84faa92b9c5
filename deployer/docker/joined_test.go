package docker

import (
	"context"
	"fmt"
	"testing"
)

// A container that runs in another's network is there, whatever became of the
// other one: taking it for gone makes an attempt to create it again, which fails
// for ever.
func TestInspectOfAContainerThatJoinedAnother(t *testing.T) {
	const app = `{"Id":"a","Name":"/app","Image":"sha256:1","Config":{},"HostConfig":{"NetworkMode":"container:v"},"State":{"Status":"running","Running":true,"StartedAt":"2026-01-02T00:00:10Z"},"NetworkSettings":{}}`
	vpn := func(running bool, started string) answer {
		return answer{200, fmt.Sprintf(`{"Id":"v","Name":"/vpn","Image":"sha256:1","Config":{},"HostConfig":{},"State":{"Running":%t,"StartedAt":%q},"NetworkSettings":{"SandboxKey":"/var/run/docker/netns/v"}}`, running, started)}
	}
	tests := map[string]struct {
		other  *answer
		adrift string // a part of it; "" means that the way is open
	}{
		"as it was":     {other: new(vpn(true, "2026-01-02T00:00:09.5Z"))},
		"started again": {new(vpn(true, "2026-01-02T00:00:11Z")), "container vpn, whose network it has joined, was started again"},
		"stopped":       {new(vpn(false, "2026-01-02T00:00:09.5Z")), "container vpn, whose network it has joined, does not run"},
		"gone":          {nil, "the container whose network it has joined is gone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := &engine{api: "1.41", answers: map[string]answer{"GET /containers/app/json": {200, app}}}
			if tt.other != nil {
				e.answers["GET /containers/v/json"] = *tt.other
			}
			c, _ := e.listen(t)
			got, err := c.Inspect(context.Background(), "app")
			if err != nil {
				t.Fatal(err)
			}
			if got.Adrift != tt.adrift || (got.SandboxKey == "") != (tt.adrift != "") {
				t.Errorf("adrift %q, way in %q; want %q", got.Adrift, got.SandboxKey, tt.adrift)
			}
		})
	}
}

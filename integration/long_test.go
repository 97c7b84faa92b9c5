//go:build integration

package integration

import (
	"context"
	"testing"
	"time"

	"edgeman/integration/host"
	"edgeman/integration/load"
)

// A websocket and a 200 MB download that began before a switch end whole on the
// old release, while new requests go to the new one.
func TestLongConnectionsOutliveASwitch(t *testing.T) {
	Run(t, func(ctx context.Context, t *testing.T, h *host.Host) {
		Install(ctx, t, h)
		plainApp(ctx, t, h)
		must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
		socket, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Websockets: 1, WebsocketEvery: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		// The app takes its time: nginx would take the whole of it in for a slow client.
		download := h.Exec(ctx, "curl", "-sS", "-o", "/tmp/big", "-D", "/tmp/head", "http://127.0.0.1/?bytes=209715200&drip=5ms")
		if err := download.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, time.Minute, "websocket and download are under way", func() bool {
			s := statusOf(ctx, t, h)
			return len(s.Apps) == 1 && s.Apps[0].Slots[0].Connections >= 2
		})
		swap := h.Exec(ctx, "edgeman", "swap", "myapp", "v2", "--drain", "3m")
		if err := swap.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, 90*time.Second, "the new release serves", func() bool {
			return statusOf(ctx, t, h).Apps[0].Image == "myapp:v2"
		})
		if got := must(ctx, t, h, "curl", "-s", "http://127.0.0.1/"); !contains(got, `"version":"v2"`) {
			t.Errorf("a new request is answered by %s", got)
		}
		if err := download.Wait(); err != nil {
			t.Errorf("the download: %v", err)
		}
		must(ctx, t, h, "bash", "-c", `grep -qi "^x-sha256: $(sha256sum </tmp/big | cut -d' ' -f1)" /tmp/head`)
		r, err := socket.Stop()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("200 MB download whole; websocket: %d messages on %d session, %d broken", r.Messages, r.Sessions, r.SessionsBroken)
		if r.Sessions != 1 || r.SessionsBroken != 0 || r.Messages == 0 || r.Versions["v1"] != 1 {
			t.Errorf("the websocket did not stay whole on the old release: %v", r)
		}
		if err := swap.Wait(); err != nil {
			t.Errorf("swap: %v", err)
		}
	})
}

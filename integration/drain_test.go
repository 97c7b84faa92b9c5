//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/status"
	"edgeman/deployer/swap"
	"edgeman/integration/host"
	"edgeman/integration/load"
)

// Websockets that never end by themselves are closed after their own time, on
// connections that nginx has used for requests before as on new ones, and come
// back on the new release; a download that takes longer, and every request, end
// whole. Then one of each kind is left at a drain deadline, and what is cut is
// told by kind. Nothing here depends on a version, so one release is enough.
func TestDrainPolicy(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	h := Up(ctx, t, releases()[0])
	Install(ctx, t, h)
	plainApp(ctx, t, h)
	// What is cut does not hold its container up.
	if err := h.BuildImages(ctx, host.Image{Tag: "myapp:v2", Env: map[string]string{"ECHO_TERM": "exit"}}); err != nil {
		t.Fatal(err)
	}
	site(ctx, t, h, "myapp", strings.Replace(plainSite, "8080;", "8080;\n    keepalive 16;", 1))
	must(ctx, t, h, "edgeman", "adopt", "/etc/nginx/sites-available/myapp", "--yes")
	setWebsockets(ctx, t, h, "close-after 8s")
	websocketsClose(ctx, t, h)
	setWebsockets(ctx, t, h, "wait")
	oneOfEachIsCut(ctx, t, h)
}

func setWebsockets(ctx context.Context, t *testing.T, h *host.Host, to string) {
	t.Helper()
	file := "/etc/edgeman/apps/myapp.toml"
	must(ctx, t, h, "sed", "-i", `s/^websockets = .*/websockets = "`+to+`"/`, file)
	must(ctx, t, h, "grep", "-q", to, file)
}

func websocketsClose(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	const sockets = 3
	requests, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Rate: 100, PostBytes: 3000, Keepalive: true})
	if err != nil {
		t.Fatal(err)
	}
	talk, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Websockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	// 100 pieces of 64 KiB; nginx takes them as they come.
	download := h.Exec(ctx, "curl", "-sS", "-o", "/tmp/big", "-D", "/tmp/head", "http://127.0.0.1/?bytes=6553600&drip=200ms")
	if err := download.Start(); err != nil {
		t.Fatal(err)
	}
	swapped := make(chan swap.Result, 1)
	go func() { swapped <- swapJSON(ctx, t, h, "v2", "60s") }()
	var draining status.SlotReport
	eventually(ctx, t, 90*time.Second, "the old slot drains with its websockets", func() bool {
		s := slotIn(ctx, t, h, status.SlotDraining)
		if s.Kinds.Websockets == sockets && s.Kinds.Requests > 0 && !s.Oldest.IsZero() {
			draining = s
		}
		return draining.Name != ""
	})
	if draining.Oldest.After(draining.Since) {
		t.Errorf("the oldest connection is of %s, older than the drain's begin at %s", draining.Oldest, draining.Since)
	}
	t.Log("\n" + must(ctx, t, h, "edgeman", "status"))
	if err := download.Wait(); err != nil {
		t.Errorf("the download: %v", err)
	}
	must(ctx, t, h, "bash", "-c", `grep -qi "^x-sha256: $(sha256sum </tmp/big | cut -d' ' -f1)" /tmp/head`)
	r := <-swapped
	talked, err := talk.Stop()
	if err != nil {
		t.Fatal(err)
	}
	asked, err := requests.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("swap: %+v; websockets: %v; requests: %v", r, talked, asked)
	// On a machine that stalls, one may come back to the old release before nginx
	// has let go of it.
	if n := r.WebsocketsClosed; n < sockets || n > 2*sockets || r.Cut != 0 || r.Seconds < 8 {
		t.Errorf("the swap closed %d websockets and cut %d in %.1fs", n, r.Cut, r.Seconds)
	}
	if talked.SessionsBroken != r.WebsocketsClosed || talked.Versions["v2"] != sockets {
		t.Errorf("%d sessions broke, want %d, and %d are on the new release", talked.SessionsBroken, r.WebsocketsClosed, talked.Versions["v2"])
	}
	if asked.Broken() != 0 || asked.Requests < 100 {
		t.Errorf("requests: %v", asked)
	}
	if e := lastEvent(ctx, t, h); e.WebsocketsClosed != r.WebsocketsClosed || e.Cut != 0 {
		t.Errorf("history: %+v", e)
	}
}

func oneOfEachIsCut(ctx context.Context, t *testing.T, h *host.Host) {
	t.Helper()
	talk, err := h.StartLoad(ctx, load.Options{URL: "http://127.0.0.1/", Websockets: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer talk.Stop()
	eventually(ctx, t, time.Minute, "what nginx kept alive is gone", func() bool {
		return slotIn(ctx, t, h, status.SlotLive).Connections == 1
	})
	slow := h.Exec(ctx, "curl", "-s", "-m", "60", "http://127.0.0.1/?delay=50s")
	// Two transfers over one connection, the second a minute after the first.
	idle := h.Exec(ctx, "curl", "-s", "-m", "60", "--rate", "1/m", "--unix-socket", "/var/lib/edgeman/apps/myapp/live/8080.sock",
		"http://myapp/", "http://myapp/", "-o", "/dev/null", "-o", "/dev/null")
	for _, c := range []interface {
		Start() error
		Wait() error
	}{slow, idle} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Wait()
	}
	eventually(ctx, t, 25*time.Second, "one of each kind is open", func() bool {
		return slotIn(ctx, t, h, status.SlotLive).Connections == 3
	})
	out := swapText(ctx, t, h, "v1", "3s")
	t.Log("\n" + out)
	kinds := `1 websocket, 1 request in progress, 1 idle`
	for _, want := range []string{`drain +green: 3 → 3 connections in ([3-9]|\d\d)\.\ds, cut: ` + kinds, `3 connections cut \(` + kinds + `\)`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in the output", want)
		}
	}
	if e := lastEvent(ctx, t, h); e.Cut != 3 || e.CutKinds != (state.Kinds{Websockets: 1, Requests: 1, Idle: 1}) {
		t.Errorf("history: %+v", e)
	}
	t.Log("\n" + must(ctx, t, h, "edgeman", "history", "myapp"))
}

func swapJSON(ctx context.Context, t *testing.T, h *host.Host, image, drain string) (r swap.Result) {
	out, err := h.Run(ctx, "edgeman", "swap", "myapp", image, "--drain", drain, "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &r)
	}
	if err != nil {
		t.Errorf("swap: %v", err)
	}
	return r
}

// swapText is all that a swap prints.
func swapText(ctx context.Context, t *testing.T, h *host.Host, image, drain string) string {
	t.Helper()
	return must(ctx, t, h, "sh", "-c", "exec edgeman swap myapp "+image+" --drain "+drain+" 2>&1")
}

// slotIn is the app's slot in that state; it has no name if there is none.
func slotIn(ctx context.Context, t *testing.T, h *host.Host, in string) status.SlotReport {
	t.Helper()
	var s status.Status
	if err := json.Unmarshal([]byte(must(ctx, t, h, "edgeman", "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	for _, slot := range s.Apps[0].Slots {
		if slot.State == in {
			return slot
		}
	}
	return status.SlotReport{}
}

func lastEvent(ctx context.Context, t *testing.T, h *host.Host) state.Event {
	t.Helper()
	var hist status.History
	if err := json.Unmarshal([]byte(must(ctx, t, h, "edgeman", "history", "myapp", "--json")), &hist); err != nil {
		t.Fatal(err)
	}
	return hist.Events[len(hist.Events)-1]
}

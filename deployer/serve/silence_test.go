package serve

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/state"
)

func TestSilence(t *testing.T) {
	now := time.Now()
	type look struct {
		after time.Duration
		waits bool
		back  uint64
		want  bool
	}
	for name, looks := range map[string][]look{
		"nobody asks":           {{0, false, 0, false}, {time.Hour, false, 0, false}},
		"quick answers":         {{0, true, 0, false}, {4 * time.Second, true, 1, false}, {8 * time.Second, true, 2, false}},
		"nothing comes back":    {{0, true, 7, false}, {4 * time.Second, true, 7, false}, {5 * time.Second, true, 7, true}, {7 * time.Second, true, 7, false}, {10 * time.Second, true, 7, true}},
		"the first after hours": {{0, false, 7, false}, {time.Hour, true, 7, true}},
	} {
		var s silence
		for i, l := range looks {
			if name == "the first after hours" && i == 1 {
				// The clock starts with the look that first sees it wait.
				if s.listen(now.Add(l.after-time.Second), false, l.back) || s.listen(now.Add(l.after), true, l.back) {
					t.Errorf("%s: asked at once", name)
				}
				continue
			}
			if got := s.listen(now.Add(l.after), l.waits, l.back); got != l.want {
				t.Errorf("%s, look %d: %v", name, i, got)
			}
		}
	}
}

// A live app that gives nothing back is asked why, and one that is cut off is
// started anew.
func TestSilentAppIsAskedAgain(t *testing.T) {
	tests := map[string]struct {
		change func(c *fakeContainer)
		silent string
		did    string
	}{
		"only slow":  {change: func(*fakeContainer) {}},
		"paused":     {change: func(c *fakeContainer) { c.Status = "paused" }, silent: "docker unpause myapp-blue-1"},
		"no answers": {change: func(c *fakeContainer) { c.healthcheck = func() int { return 1 } }, silent: "nothing comes back from it: health check: exit 1"},
		"cut off":    {change: func(c *fakeContainer) { c.Adrift = "vpn is gone" }, did: "stop remove create start"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
				w.engine.behaviour["image-1"] = behaviour{healthcheck: func() int { return 0 }}
				w.healthy(app)
				w.engine.mu.Lock()
				w.engine.log = nil
				tt.change(w.engine.containers[first])
				w.engine.mu.Unlock()
				request := w.carries(aRequest)[0]
				w.nudge()
				time.Sleep(3 * silentAfter)
				st := w.wants(state.PhaseHealthy)
				if (st.Silent == "") != (tt.silent == "") || !strings.Contains(st.Silent, tt.silent) {
					t.Errorf("silent %q, want %q", st.Silent, tt.silent)
				}
				if got := strings.ReplaceAll(strings.Join(w.did(), " "), " "+first, ""); got != tt.did {
					t.Errorf("did %q, want %q", got, tt.did)
				}
				step(request, "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				w.nudge()
				time.Sleep(time.Second)
				if st := w.status(); st.Silent != "" {
					t.Errorf("still silent: %q", st.Silent)
				}
				w.leaves(request)
				w.stop()
			})
		})
	}
}

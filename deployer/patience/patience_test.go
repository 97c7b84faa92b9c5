package patience

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestSayBound(t *testing.T) {
	debian := nginx.WaitBound(2, 768, 1024, 4096, time.Minute)
	for _, tt := range []struct {
		name  string
		bound nginx.Bound
		w     Wait
		want  []string
		not   string
	}{
		{"nothing known", debian, Wait{Limit: 2 * time.Minute}, []string{"note: requests will wait: at most 768 requests", "the request rate is not known: a wait of 1m leaves room for 12.8 requests a second, and more will fail"}, "warning"},
		{"many", debian, Wait{Limit: time.Minute, rate: 1200}, []string{"at the current 1200 requests a second, a wait of 600ms fits"}, "warning"},
		{"fits", debian, Wait{Limit: time.Minute, rate: 100, Last: 3 * time.Second, What: "the last start took"}, []string{"at the current 100 requests a second, a wait of 7.7s fits"}, "warning"},
		{
			"does not", debian,
			Wait{Limit: time.Minute, rate: 500, Last: 2400 * time.Millisecond, What: "the last start took"},
			[]string{"a wait of 1.5s fits", "warning: the last start took 2.4s: that will not fit", "about 1200 would have to wait", "hint: raise worker_connections"},
			"",
		},
		{
			"open files", nginx.WaitBound(2, 4096, 1024, 4096, time.Minute),
			Wait{Limit: time.Minute, rate: 500, Last: 2400 * time.Millisecond},
			[]string{"2 workers × 1024 open files / 2", "hint: raise worker_rlimit_nofile"},
			"",
		},
		{
			"too long", debian,
			Wait{Limit: 90 * time.Second, rate: 0.1, Last: 90 * time.Second, What: "the pause may take"},
			[]string{"warning: the pause may take 1m30s: that will not fit", "hint: raise proxy_read_timeout"},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.sayBound(tt.bound, tt.w)
			for _, want := range tt.want {
				if !strings.Contains(w.Stderr.String(), want) {
					t.Errorf("lacks %q:\n%s", want, &w.Stderr)
				}
			}
			if tt.not != "" && strings.Contains(w.Stderr.String(), tt.not) {
				t.Errorf("says %q:\n%s", tt.not, &w.Stderr)
			}
		})
	}
}

// What is expected comes from what the slot's service counts and from the
// history.
func TestWaitOf(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	if err := w.Paths.WriteSlotStatus(blue, state.SlotStatus{Phase: state.PhaseHealthy, Rate: 500}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []state.Event{{Outcome: state.Done, Start: 1}, {Outcome: state.Done, Start: 3}, {Outcome: state.Failed, Start: 60}, {Outcome: state.Done}} {
		if err := w.Paths.Record("myapp", e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.Of(blue, time.Minute)
	if err != nil || got.rate != 500 || got.Last != 3*time.Second || got.Limit != time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
}

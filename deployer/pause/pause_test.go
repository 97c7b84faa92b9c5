package pause

import (
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestPauseAndResumeAreOnRecord(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Patience.Nginx = nil
	w.Holds(sockets.Slot{App: "myapp", Color: sockets.Blue})
	if err := w.Pause(t.Context(), Options{App: "myapp", Max: 48 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if want := "until " + time.Now().Add(48*time.Hour).Format(time.DateOnly); !strings.Contains(w.Stderr.String(), want) {
		t.Errorf("lacks %q:\n%s", want, &w.Stderr)
	}
	if err := w.Resume(t.Context(), "myapp"); err != nil {
		t.Fatal(err)
	}
	hist, err := w.Status.History(t.Context(), "myapp", 0)
	if err != nil || len(hist.Events) != 2 || hist.Events[0].Operation != "pause" || hist.Events[1].Operation != "resume" {
		t.Errorf("%+v, %v", hist, err)
	}
	if hist.Made() != -1 {
		t.Error("a pause is taken for what made the release live")
	}
}

func TestPauseThatDoesNotComeToRest(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	w.Patience.Nginx = nil
	err := w.Pause(t.Context(), Options{App: "myapp", Max: 100 * time.Millisecond})
	if outcome.ExitCode(err) != outcome.ExitFailed || !strings.Contains(hint.Text(err), "requests flow as before\nhint: set --max longer") {
		t.Errorf("exit code %d, %v", outcome.ExitCode(err), err)
	}
	ctx := fake.SignalWhen(t, func() bool {
		_, on, _ := w.Paths.ReadPause(sockets.Slot{App: "myapp", Color: sockets.Blue})
		return on
	})
	err = w.Pause(ctx, Options{App: "myapp", Max: time.Minute})
	if want := "interrupted; requests reach myapp:blue as before"; err == nil || hint.Text(err) != want {
		t.Errorf("%v, want %q", err, want)
	}
	if _, on, _ := w.Paths.ReadPause(sockets.Slot{App: "myapp", Color: sockets.Blue}); on {
		t.Error("the pause is still there")
	}
	events, _ := w.Paths.History("myapp")
	if len(events) != 2 || events[0].Outcome != state.Failed || events[1].Note != "interrupted; requests reach myapp:blue as before" {
		t.Errorf("history %+v", events)
	}
}

package state

import (
	"testing"
	"time"

	"edgeman/sockets"
)

// A clock that is set moves no deadline, forwards or backwards, and one that
// was lost at a boot does not hold an app for years.
func TestDeadlinesOutliveClockJumps(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stated := stamp{Wall: noon, Up: time.Hour}
	until := noon.Add(30 * time.Second)
	tests := []struct {
		name string
		now  stamp
		want time.Duration // from now's wall clock
	}{
		{"10 s later", stamp{noon.Add(10 * time.Second), time.Hour + 10*time.Second}, 20 * time.Second},
		{"10 s later, slewed", stamp{noon.Add(10*time.Second + 300*time.Millisecond), time.Hour + 10*time.Second}, 19*time.Second + 700*time.Millisecond},
		{"10 s later, set an hour ahead", stamp{noon.Add(time.Hour + 10*time.Second), time.Hour + 10*time.Second}, 20 * time.Second},
		{"10 s later, set an hour back", stamp{noon.Add(-time.Hour + 10*time.Second), time.Hour + 10*time.Second}, 20 * time.Second},
		{"past it, set a year back", stamp{noon.AddDate(-1, 0, 0), time.Hour + time.Minute}, -30 * time.Second},
		{"another boot, the clock went on", stamp{noon.Add(20 * time.Second), 5 * time.Second}, 10 * time.Second},
		{"another boot, the clock lost", stamp{time.Unix(0, 0), 5 * time.Second}, 25 * time.Second},
		{"another boot, the clock far ahead", stamp{noon.AddDate(1, 0, 0), 5 * time.Second}, until.Sub(noon.AddDate(1, 0, 0))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := stated.deadline(until, tt.now).Sub(tt.now.Wall); got != tt.want {
				t.Errorf("%v left, want %v", got, tt.want)
			}
		})
	}
}

// The files carry the stamp, and reading them corrects what they say.
func TestPauseAndDrainFollowTheClock(t *testing.T) {
	p := testPaths(t)
	begun, booted := time.Now(), time.Hour // before begun
	p.Uptime = func() time.Duration { return booted + time.Since(begun) }
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	until := time.Now().Add(time.Minute)
	if err := p.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	if err := p.SetPause(slot, Pause{Until: until, Reason: PauseAsked}); err != nil {
		t.Fatal(err)
	}
	if err := p.SetDrain(slot, Drain{Deadline: until, WarmUntil: until}); err != nil {
		t.Fatal(err)
	}
	if pause, on, err := p.ReadPause(slot); err != nil || !on || !pause.Until.Equal(until) {
		t.Errorf("a clock that nobody set: until %v, %v", pause.Until, err)
	}
	booted += 10 * time.Minute // and the clock stayed: it was set back
	if pause, on, err := p.ReadPause(slot); err != nil || on {
		t.Errorf("still paused after ten minutes of one: until %v, %v", pause.Until, err)
	}
	if d, _, err := p.ReadDrain(slot); err != nil || time.Now().Before(d.Deadline) || time.Now().Before(d.WarmUntil) {
		t.Errorf("drain %+v, %v", d, err)
	}
	booted = 5*time.Second - time.Since(begun) // another boot
	if _, on, err := p.ReadPause(slot); err != nil || !on {
		t.Errorf("the pause has not outlived the boot: %v", err)
	}
}

package patience

import (
	"testing"
	"time"

	"edgeman/deployer/state"
)

// How long a replacement takes is known from the containers' own settings and
// from what the same took before.
func TestReplacementIsEstimated(t *testing.T) {
	done := func(stop, boot float64) state.Event {
		return state.Event{Outcome: state.Done, Stop: stop, Boot: boot}
	}
	const grace = 3 * time.Minute
	for name, row := range map[string]struct {
		events []state.Event
		grace  time.Duration
		want   time.Duration
	}{
		"nothing is on record":     {nil, grace, grace},
		"nothing runs":             {[]state.Event{done(2, 7)}, 0, 7 * time.Second},
		"both are":                 {[]state.Event{done(170, 7)}, grace, 177 * time.Second},
		"only the start":           {[]state.Event{done(0, 7)}, grace, grace + 7*time.Second},
		"the last start":           {[]state.Event{done(1, 70), done(1, 7)}, grace, 8 * time.Second},
		"the longest stop of late": {[]state.Event{done(90, 1), done(2, 1), done(3, 1), done(0, 0)}, grace, 91 * time.Second},
		"not that of long ago":     {[]state.Event{done(90, 1), done(1, 1), done(1, 1), done(1, 1), done(1, 1), done(1, 1)}, grace, 2 * time.Second},
		"not of a run that failed": {[]state.Event{done(1, 1), {Outcome: state.Failed, Boot: 60, Stop: 60}}, grace, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Wait{Parts: Replacement(row.events, row.grace)}).total(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

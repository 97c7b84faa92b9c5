package slots

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeman/sockets/systemd"
)

// A start that fails for a moment does not fail a swap.
func TestStartUnitAgain(t *testing.T) {
	const unit = "edgeman@myapp:green.socket"
	always := slices.Repeat([]string{"failed"}, 1000)
	tests := map[string]struct {
		fails []string
		later string // its state soon after, by systemd's own doing
		fail  bool
	}{
		"at once":                    {},
		"given up":                   {fails: []string{"failed"}},
		"twice":                      {fails: []string{"failed", "inactive"}},
		"started by systemd itself":  {fails: []string{"activating"}, later: "active"},
		"never":                      {fails: always, fail: true},
		"systemd tries for too long": {fails: []string{"activating"}, fail: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.StartFails = map[string][]string{unit: tt.fails}
				if tt.later != "" {
					time.AfterFunc(600*time.Millisecond, func() {
						w.Mu.Lock()
						defer w.Mu.Unlock()
						w.UnitStates[unit] = tt.later
					})
				}
				begun := time.Now()
				err := w.StartUnit(t.Context(), unit)
				var job *systemd.JobError
				if tt.fail != errors.As(err, &job) || !tt.fail && err != nil {
					t.Errorf("error %v", err)
				}
				if took := time.Since(begun); took > startAgain+time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

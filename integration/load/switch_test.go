package load

import (
	"slices"
	"testing"
	"time"
)

// Each row is one request: what the link named when it was looked at, and after
// the answer, and who answered. A step takes a second, a look no time.
func TestSwitches(t *testing.T) {
	type step struct{ before, version, after string }
	old, next := step{"blue", "v1", "blue"}, step{"green", "v2", "green"}
	for name, tt := range map[string]struct {
		steps []step
		want  []time.Duration
	}{
		"none":                    {[]step{old, old, old}, nil},
		"between two requests":    {[]step{old, old, next, next}, []time.Duration{2 * time.Second}},
		"within a request":        {[]step{old, {"blue", "v2", "green"}, next}, []time.Duration{time.Second}},
		"the old slot goes on":    {[]step{old, {"green", "v1", "green"}, {"green", "v1", "green"}, next}, []time.Duration{3 * time.Second}},
		"there and back, at once": {[]step{old, {"blue", "v2", "green"}, {"green", "v1", "blue"}, old}, []time.Duration{time.Second, time.Second}},
	} {
		now, i, asked := time.Unix(0, 0), 0, false
		s := switches{
			now: func() time.Time { return now },
			look: func() (string, error) {
				if asked {
					return tt.steps[i].after, nil
				}
				return tt.steps[i].before, nil
			},
			ask: func() (string, error) { now, asked = now.Add(time.Second), true; return tt.steps[i].version, nil },
		}
		for i = range tt.steps {
			asked = false
			if err := s.step(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(s.took, tt.want) {
			t.Errorf("%s: %v, want %v", name, s.took, tt.want)
		}
	}
}

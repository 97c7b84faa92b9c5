package around

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	live := Container{ID: "l", Name: "myapp-blue-2", Running: true, Writes: []string{"files", "/srv/x"}}
	stopped := Container{ID: "o", Name: "myapp", Writes: []string{"files"}}
	app := App{Name: "myapp", Live: []string{"myapp-blue-2"}, Release: 2, Image: "myapp:v2", Originals: []Original{{ID: "o", Name: "myapp", Image: "myapp:v1"}}}
	with := func(c Container, change func(*Container)) Container { change(&c); return c }
	tests := map[string]struct {
		app  func(*App)
		all  []Container
		want []string // code and a part of text and next
	}{
		"as it should be":       {all: []Container{live, stopped}},
		"the original is gone":  {all: []Container{live}},
		"the original runs":     {all: []Container{live, with(stopped, func(c *Container) { c.Running = true })}, want: []string{OriginalRuns, "both may write to files", "docker stop myapp"}},
		"made anew and runs":    {all: []Container{live, {ID: "n", Name: "myapp", Running: true}}, want: []string{OriginalRuns, "container myapp, from before edgeman, runs"}},
		"renamed and runs":      {all: []Container{live, {ID: "o", Name: "old", Running: true}}, want: []string{OriginalRuns, "docker stop old"}},
		"runs without the app":  {all: []Container{{ID: "o", Name: "myapp", Running: true}}, want: []string{OriginalRuns, "runs beside"}},
		"paused":                {all: []Container{with(live, func(c *Container) { c.Paused = true }), stopped}, want: []string{Paused, "docker unpause myapp-blue-2"}},
		"paused by edgeman":     {app: func(a *App) { a.Stopped = true }, all: []Container{with(live, func(c *Container) { c.Paused = true }), stopped}},
		"cut off":               {all: []Container{with(live, func(c *Container) { c.Adrift = "vpn is gone" }), stopped}, want: []string{CutOff, "cut off: vpn is gone", "edgeman repair myapp"}},
		"another app's runs":    {all: []Container{live, stopped, {ID: "x", Name: "other", Running: true, Paused: true}}},
		"nothing to start":      {app: func(a *App) { a.Stopped, a.ImageGone = true, true }, want: []string{ImageGone, "image myapp:v2 of release 2 is gone", "edgeman repair myapp"}},
		"nothing to give back":  {app: func(a *App) { a.Originals[0].ImageGone = true }, all: []Container{live}, want: []string{ImageGone, "and so is its image myapp:v1", "edgeman unadopt myapp --to live", "docker pull myapp:v1"}},
		"kept without an image": {app: func(a *App) { a.Originals[0].ImageGone = true }, all: []Container{live, stopped}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := app
			a.Originals = append([]Original(nil), app.Originals...)
			if tt.app != nil {
				tt.app(&a)
			}
			found := Judge(a, tt.all)
			if len(tt.want) == 0 {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("found %+v", found)
			}
			f := found[0]
			for _, want := range tt.want {
				if !strings.Contains(f.Code+" "+f.Text+" "+f.Next, want) {
					t.Errorf("%+v lacks %q", f, want)
				}
			}
		})
	}
}

package around

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	live := Container{ID: "l", Name: "myapp-blue-2", Running: true, Writes: []string{"files", "/srv/x"}}
	stopped := Container{ID: "o", Name: "myapp", Writes: []string{"files"}}
	app := App{Name: "myapp", Live: []string{"myapp-blue-2"}, Release: 2, Image: "myapp:v2", ImageID: "sha256:2", Originals: []Original{{ID: "o", Name: "myapp", Image: "myapp:v1"}}}
	with := func(c Container, change func(*Container)) Container { change(&c); return c }
	tests := map[string]struct {
		app  func(*App)
		all  []Container
		want []string // code and a part of text and next
		mild bool
	}{
		"as it should be":      {all: []Container{live, stopped}},
		"the original is gone": {all: []Container{live}},
		"the original runs":    {all: []Container{live, with(stopped, func(c *Container) { c.Running = true })}, want: []string{OriginalRuns, "both may write to files", "docker stop myapp"}},
		"made anew and runs":   {all: []Container{live, {ID: "n", Name: "myapp", Running: true}}, want: []string{OriginalRuns, "container myapp, from before edgeman, runs"}},
		"renamed and runs":     {all: []Container{live, {ID: "o", Name: "old", Running: true}}, want: []string{OriginalRuns, "docker stop old"}},
		"Compose's, of a new image": {
			all:  []Container{live, {ID: "n", Name: "myapp", Image: "myapp:v3", ImageID: "sha256:3", Project: "app", Service: "web", Running: true}},
			want: []string{ComposeRuns, "container myapp (myapp:v3, service web of project app) again", "visitors stay on myapp:v2, release 2", "edgeman swap myapp myapp:v3 && docker update --restart no myapp && docker stop myapp"},
		},
		"Compose's, of the same": {
			all:  []Container{live, {ID: "n", Name: "myapp", Image: "myapp:v2", ImageID: "sha256:2", Project: "app", Service: "web", Running: true}},
			want: []string{ComposeRuns, "beside the live release of the same image", "docker stop myapp"}, mild: true,
		},
		"Compose's, of the same, and the same data": {
			all:  []Container{live, {ID: "n", Name: "myapp", Image: "myapp:v2", ImageID: "sha256:2", Project: "app", Service: "web", Running: true, Writes: []string{"files"}}},
			want: []string{ComposeRuns, "of the same image, and both may write to files"},
		},
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
			if tt.mild && !f.Mild {
				t.Errorf("%+v is not mild", f)
			}
			for _, want := range tt.want {
				if !strings.Contains(f.Code+" "+f.Text+" "+f.Next, want) {
					t.Errorf("%+v lacks %q", f, want)
				}
			}
		})
	}
}

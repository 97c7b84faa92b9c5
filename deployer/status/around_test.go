package status

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// A site that somebody has led elsewhere is a problem of the app, whatever runs.
func TestStatusTellsThatNothingLeadsToTheApp(t *testing.T) {
	for text, led := range map[string]bool{
		"upstream a { server unix:LIVE/8080.sock; }":  true,
		"upstream a { server unix:OTHER/8080.sock; }": false,
		"upstream a { server 127.0.0.1:8080; }":       false,
		"":                                            false, // the file is gone
	} {
		w := newWorld(t)
		w.Adopted()
		site := filepath.Join(t.TempDir(), "site")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "LIVE", w.Paths.Live("myapp")), "OTHER", w.Paths.Live("other"))
		err := adoption.Write(w.Paths, adoption.Record{App: "myapp", Plan: &nginxconf.Plan{Files: []nginxconf.FileEdit{{Path: site}}}}, nil)
		if text != "" {
			err = errors.Join(err, os.WriteFile(site, []byte(text), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Status(t.Context(), "myapp")
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(s.Apps[0].Problems, func(p Problem) bool {
			return strings.HasPrefix(p.Text, "no file that adopt edited leads to it any more") && p.Next == "edgeman check myapp"
		})
		if said == led {
			t.Errorf("%q: problems %+v", text, s.Apps[0].Problems)
		}
	}
}

// What others have done to an app's containers is a problem with a way out.
func TestStatusTellsWhatOthersDid(t *testing.T) {
	mounts := json.RawMessage(`{"Id":"x","Name":"/x","Image":"sha256:x","State":{},"Config":{},"HostConfig":{},"NetworkSettings":{},"Mounts":[{"Type":"volume","Name":"files","RW":true},{"Type":"volume","Name":"seen","RW":false}]}`)
	const own = "myapp-blue-1"
	tests := map[string]struct {
		do         func(w *world)
		text, next string // "" is no problem
	}{
		"nothing": {do: func(*world) {}},
		"started the original": {func(w *world) {
			w.Containers["myapp"] = docker.Container{ID: "old", Name: "myapp", Running: true, Raw: mounts}
		}, "container myapp, from before edgeman, runs beside the live release, and both may write to files", "docker stop myapp"},
		"made the original anew": {func(w *world) {
			w.Containers["myapp"] = docker.Container{ID: "new", Name: "myapp", Running: true, Raw: mounts}
		}, "runs beside the live release", "docker stop myapp"},
		"let Compose make the original anew": {func(w *world) {
			labels := map[string]string{"com.docker.compose.project": "app", "com.docker.compose.service": "web"}
			w.Containers["myapp"] = docker.Container{ID: "new", Name: "myapp", Image: "myapp:v2", ImageID: "sha256:v2", Running: true, Labels: labels}
		}, "Compose has started container myapp (myapp:v2, service web of project app) again, to which nothing leads", "docker stop myapp"},
		"started it while a command is at work": {do: func(w *world) {
			w.Containers["myapp"] = docker.Container{ID: "old", Name: "myapp", Running: true, Raw: mounts}
			if _, err := w.Paths.TakeLock(w.T.Context(), "myapp", "release", 0); err != nil {
				w.T.Fatal(err)
			}
		}},
		"paused the live one": {func(w *world) {
			c := w.Containers[own]
			c.Status = "paused"
			w.Containers[own] = c
		}, "container myapp-blue-1 is paused, and not by edgeman", "docker unpause myapp-blue-1"},
		"pruned all while it slept": {func(w *world) {
			clear(w.Containers)
			clear(w.Images)
			w.Says(state.SlotStatus{Phase: state.PhaseIdle, Release: 1})
		}, "the image myapp:v1 of release 1 is gone", "edgeman repair myapp"},
		"pruned the original's image": {func(w *world) {
			delete(w.Containers, "myapp")
			delete(w.Images, "sha256:v0")
		}, "is gone, and so is its image myapp:v0", "docker pull myapp:v0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Adopted()
			w.Images["sha256:v0"] = docker.Image{ID: "sha256:v0"}
			w.Containers["myapp"] = docker.Container{ID: "old", Name: "myapp", Raw: mounts}
			w.Containers[own] = docker.Container{ID: "l", Name: own, Running: true, Status: "running", Raw: mounts}
			err := adoption.Write(w.Paths, adoption.Record{
				App: "myapp", Original: adoption.Original{Container: "myapp", ContainerID: "old"}, Image: "myapp:v0", ImageID: "sha256:v0",
			}, []json.RawMessage{mounts})
			if err != nil {
				t.Fatal(err)
			}
			tt.do(w)
			s, err := w.Status(t.Context(), "myapp")
			if err != nil {
				t.Fatal(err)
			}
			problems := s.Apps[0].Problems
			if tt.text == "" {
				if len(problems) > 0 {
					t.Errorf("problems %+v", problems)
				}
				return
			}
			if len(problems) == 0 || !strings.Contains(problems[0].Text, tt.text) || !strings.Contains(problems[0].Next, tt.next) {
				t.Errorf("problems %+v, want %q and %q", problems, tt.text, tt.next)
			}
		})
	}
}

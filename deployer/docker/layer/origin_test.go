package layer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/storage"
)

// What was in a container before its app could write is told by times that the
// app cannot set: when the file last changed on the host's disk, and when the
// container was first started.
func TestPutBeforeTheFirstStart(t *testing.T) {
	created := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	first := created.Add(5 * time.Second)
	day := 24 * time.Hour
	tests := []struct {
		name           string
		born           time.Time // of what the daemon makes at the first start
		again          bool      // stopped and started since
		changed, mtime time.Time
		want           bool
	}{
		{"put in", first, false, created.Add(time.Second), created.Add(time.Second), true},
		{"put in, from an older file", first, false, created.Add(time.Second), created.Add(-day), true},
		{"put in, started again since", first, true, created.Add(time.Second), created.Add(time.Second), true},
		{"given another owner by the app", first, true, first.Add(time.Second), created.Add(time.Second), true},
		{"from an older file, given another owner", first, true, first.Add(time.Second), created.Add(-day), false},
		{"written by the app", first, false, first.Add(time.Second), first.Add(time.Second), false},
		{"unpacked by the app, with the archive's times", first, false, first.Add(time.Second), created.Add(-day), false},
		{"put in and written since", first, false, first.Add(time.Second), first.Add(time.Second), false},
		{"the file system tells no birth", time.Time{}, false, created.Add(time.Second), created.Add(time.Second), true},
		{"no birth, started again since", time.Time{}, true, created.Add(time.Second), created.Add(time.Second), false},
		{"no layer on disk, put in", first, true, time.Time{}, created.Add(time.Second), true},
		{"no layer on disk, whole seconds", first, true, time.Time{}, created.Add(-time.Second / 2), true},
		{"no layer on disk, from an older file", first, true, time.Time{}, created.Add(-day), false},
		{"the disk was copied", created.Add(30 * day), false, created.Add(29 * day), created.Add(29 * day), false},
	}
	for _, tt := range tests {
		times := Clock{
			Born: func(string) (time.Time, error) { return tt.born, nil },
			Changed: func(string, string) (time.Time, error) {
				if tt.changed.IsZero() {
					return tt.changed, os.ErrNotExist
				}
				return tt.changed, nil
			},
		}
		in := container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{
			ID: "abc", Created: created.Format(time.RFC3339Nano), HostnamePath: "/var/lib/docker/containers/abc/hostname",
			State:       &container.State{StartedAt: first.Format(time.RFC3339Nano)},
			GraphDriver: storage.DriverData{Name: "overlay2", Data: map[string]string{"UpperDir": "/upper"}},
		}}
		if tt.again {
			in.State.StartedAt, in.State.FinishedAt = created.Add(day).Format(time.RFC3339Nano), created.Add(day/2).Format(time.RFC3339Nano)
		}
		if got := originOf(in, times).put("/etc/x", tt.mtime); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Links that an app has put into its layer lead nowhere on the host.
func TestChangedStaysInside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	err := errors.Join(os.WriteFile(filepath.Join(outside, "secret"), nil, 0o600), os.Symlink(outside, filepath.Join(root, "etc")),
		os.WriteFile(filepath.Join(root, "own"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := changed(root, "/etc/secret"); err == nil {
		t.Error("a link led out of the layer")
	}
	if when, err := changed(root, "/own"); err != nil || time.Since(when) > time.Hour {
		t.Errorf("%v, %v", when, err)
	}
}

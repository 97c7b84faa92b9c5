package docker

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		times := clock{
			born: func(string) (time.Time, error) { return tt.born, nil },
			changed: func(string, string) (time.Time, error) {
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

// Owner, mode and contents survive the way out of one container and into another.
func TestFilesAsTheyWere(t *testing.T) {
	files := []file{
		{Path: "/run/secrets/tok", Mode: 0o440, UID: 1000, GID: 1001, Data: []byte("hush")},
		{Path: "/run/secrets", Mode: 0o700, UID: 1000, GID: 1000, Dir: true},
		{Path: "/etc/link", Mode: 0o777, Link: "/run/secrets/tok"},
		{Path: "/etc/empty", Mode: 0o4755},
	}
	packed, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []file
	for in := tar.NewReader(bytes.NewReader(packed)); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		var one bytes.Buffer
		out := tar.NewWriter(&one)
		data, _ := io.ReadAll(in)
		if err = errors.Join(err, out.WriteHeader(h)); err == nil {
			_, err = out.Write(data)
		}
		if err = errors.Join(err, out.Close()); err != nil {
			t.Fatal(err)
		}
		f, err := firstFile(&one, "/"+strings.TrimSuffix(h.Name, "/"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	a, _ := json.Marshal([]file{files[3], files[2], files[1], files[0]})
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("got\n%s, want\n%s", b, a)
	}
}

func TestTooBigForAValue(t *testing.T) {
	packed, err := pack([]file{{Path: "/x", Data: make([]byte, maxValue+1)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := firstFile(bytes.NewReader(packed), "/x"); !errors.Is(err, errNoValue) {
		t.Errorf("%v", err)
	}
}

// Settings with files are refused by an edgeman that would leave them out.
func TestVersionOfFiles(t *testing.T) {
	for _, tt := range []struct {
		files []file
		want  int
	}{{nil, 1}, {[]file{{Path: "/x"}}, 2}} {
		var got struct{ Version int }
		if err := json.Unmarshal(settings{Files: tt.files}.bytes(), &got); err != nil || got.Version != tt.want {
			t.Errorf("%v: version %d, %v", tt.files, got.Version, err)
		}
	}
}

// What is made from a stored inspect answer gets the files, too.
func TestInspectWithFiles(t *testing.T) {
	raw, img := captured(t, "testdata/inspect/no-entrypoint-app.api1.51.json")
	files := []file{{Path: "/run/secrets/tok", Mode: 0o400, Data: []byte("hush")}}
	with, err := withFiles(raw, files)
	if err != nil {
		t.Fatal(err)
	}
	in, err := readInspect(with)
	if err != nil {
		t.Fatal(err)
	}
	i, err := readImage(img)
	if err != nil {
		t.Fatal(err)
	}
	s, err := extract(in, i, "host")
	if err != nil || !slices.EqualFunc(s.Files, files, func(a, b file) bool { return a.Path == b.Path && string(a.Data) == string(b.Data) }) {
		t.Errorf("%v, %v", s.Files, err)
	}
}

func TestGone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	stored := func(kind string) json.RawMessage {
		return json.RawMessage(`{"version":1,"sources":{"` + path + `":"` + kind + `"},"host_config":{"Mounts":[{"Type":"bind","Source":"` + path + `","Target":"/x"},{"Type":"volume","Source":"v","Target":"/v"}]}}`)
	}
	for _, tt := range []struct {
		name  string
		state func() error
		kind  string
		want  string
	}{
		{"gone", func() error { return os.RemoveAll(path) }, "file", path + " is mounted into it and is gone from this host"},
		{"a directory now", func() error { return os.Mkdir(path, 0o755) }, "file", path + " is mounted into it, was a file and is a directory now"},
		{"as it was", func() error { return nil }, "directory", ""},
		{"not known what it was", func() error { return nil }, "", ""},
		{"below a file", func() error { return errors.Join(os.Remove(path), os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) }, "", path + " is mounted into it and is gone from this host"},
	} {
		if err := tt.state(); err != nil {
			t.Fatal(err)
		}
		got, err := SourcesGone(stored(tt.kind))
		if err != nil || strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

package definition

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

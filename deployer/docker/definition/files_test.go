package definition

import (
	"encoding/json"
	"slices"
	"testing"

	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/layer"
)

// Settings with files are refused by an edgeman that would leave them out.
func TestVersionOfFiles(t *testing.T) {
	for _, tt := range []struct {
		files []layer.File
		want  int
	}{{nil, 1}, {[]layer.File{{Path: "/x"}}, 2}} {
		var got struct{ Version int }
		if err := json.Unmarshal(Settings{Files: tt.files}.Bytes(), &got); err != nil || got.Version != tt.want {
			t.Errorf("%v: version %d, %v", tt.files, got.Version, err)
		}
	}
}

// What is made from a stored inspect answer gets the files, too.
func TestInspectWithFiles(t *testing.T) {
	raw, img := captured(t, "no-entrypoint-app.api1.51")
	files := []layer.File{{Path: "/run/secrets/tok", Mode: 0o400, Data: []byte("hush")}}
	with, err := WithFiles(raw, files)
	if err != nil {
		t.Fatal(err)
	}
	in, err := inspect.ReadAnswer(with)
	if err != nil {
		t.Fatal(err)
	}
	i, err := inspect.ReadImageConfig(img)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Extract(in, i, "host")
	if err != nil || !slices.EqualFunc(s.Files, files, func(a, b layer.File) bool { return a.Path == b.Path && string(a.Data) == string(b.Data) }) {
		t.Errorf("%v, %v", s.Files, err)
	}
}

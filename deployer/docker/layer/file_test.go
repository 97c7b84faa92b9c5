package layer

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// Owner, mode and contents survive the way out of one container and into another.
func TestFilesAsTheyWere(t *testing.T) {
	files := []File{
		{Path: "/run/secrets/tok", Mode: 0o440, UID: 1000, GID: 1001, Data: []byte("hush")},
		{Path: "/run/secrets", Mode: 0o700, UID: 1000, GID: 1000, Dir: true},
		{Path: "/etc/link", Mode: 0o777, Link: "/run/secrets/tok"},
		{Path: "/etc/empty", Mode: 0o4755},
	}
	packed, err := Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []File
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
		f, err := FirstFile(&one, "/"+strings.TrimSuffix(h.Name, "/"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	a, _ := json.Marshal([]File{files[3], files[2], files[1], files[0]})
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("got\n%s, want\n%s", b, a)
	}
}

func TestTooBigForAValue(t *testing.T) {
	packed, err := Pack([]File{{Path: "/x", Data: make([]byte, maxValue+1)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FirstFile(bytes.NewReader(packed), "/x"); !errors.Is(err, errNoValue) {
		t.Errorf("%v", err)
	}
}

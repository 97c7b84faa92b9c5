package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestReadPull(t *testing.T) {
	const report = `{"status":"Pulling from some/app","id":"v1"}
{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Pulling fs layer","progressDetail":{},"id":"b"}
{"status":"Already exists","progressDetail":{},"id":"c"}
{"status":"Downloading","progressDetail":{"current":5,"total":10},"progress":"[=>  ]","id":"a"}
{"status":"Download complete","progressDetail":{},"id":"a"}
{"status":"Extracting","progressDetail":{"current":1,"total":10},"id":"a"}
{"status":"Pull complete","progressDetail":{},"id":"a"}
{"status":"Digest: sha256:1"}
`
	var got []string
	err := Follow(strings.NewReader(report), func(p Progress) {
		got = append(got, fmt.Sprintf("%d/%d bytes", p.Current, p.Total))
	})
	want := []string{
		"0/0 bytes", "0/0 bytes", "0/0 bytes", "5/10 bytes",
		"10/10 bytes", "10/10 bytes", "10/10 bytes",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %q", err, got)
	}
	for _, bad := range []string{`{"errorDetail":{"message":"no space left"},"error":"no space left"}`, `{"error":"no space left"}`} {
		if err := Follow(strings.NewReader(report+bad), nil); err == nil || err.Error() != "no space left" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := Follow(strings.NewReader(`{"status":`), nil); err == nil {
		t.Error("a report that breaks off is no success")
	}
}

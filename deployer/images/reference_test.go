package images

import (
	"strings"
	"testing"
)

func TestRepositoryFor(t *testing.T) {
	const id = "sha256:29000a18b2f1c3d4e5f60718293a4b5c6d7e8f9029000a18b2f1c3d4e5f60718"
	for ref, want := range map[string]string{
		"myapp:v1": "myapp", "r.example:5000/team/myapp": "r.example:5000/team/myapp", "myapp@sha256:0a": "myapp",
		id: "", strings.TrimPrefix(id, "sha256:"): "", "29000a18b2f1": "", "2900": "", "sha256:2900": "",
		"cafe": "cafe", "cafe:v1": "cafe", "ffffffffffff": "",
	} {
		if got := RepositoryFor(ref, id); got != want {
			t.Errorf("repositoryFor(%q) = %q, want %q", ref, got, want)
		}
	}
}

func TestShortImages(t *testing.T) {
	tests := []struct{ from, to, wantFrom, wantTo string }{
		{"myapp:v1", "myapp:v2", "v1", "v2"},
		{"myapp:v1", "other:v2", "myapp:v1", "other:v2"},
		{"reg.example:5000/myapp", "reg.example:5000/myapp", "reg.example:5000/myapp", "reg.example:5000/myapp"},
		{"reg.example:5000/myapp:1", "reg.example:5000/myapp:2", "1", "2"},
		{"myapp", "myapp:v2", "myapp", "v2"},
		{"", "myapp:v2", "", "myapp:v2"},
		{"my@sha256:aa", "my@sha256:bb", "my@sha256:aa", "my@sha256:bb"},
	}
	for _, tt := range tests {
		if from, to := ShortImages(tt.from, tt.to); from != tt.wantFrom || to != tt.wantTo {
			t.Errorf("shortImages(%q, %q) = %q, %q, want %q, %q", tt.from, tt.to, from, to, tt.wantFrom, tt.wantTo)
		}
	}
}

func TestReference(t *testing.T) {
	tests := []struct{ repository, given, want string }{
		{"myapp", "v2", "myapp:v2"},
		{"registry.example:5000/team/myapp", "v2", "registry.example:5000/team/myapp:v2"},
		{"myapp", "other:v2", "other:v2"},
		{"myapp", "team/other", "team/other"},
		{"myapp", "myapp@sha256:abc", "myapp@sha256:abc"},
	}
	for _, tt := range tests {
		if got := Reference(tt.repository, tt.given); got != tt.want {
			t.Errorf("reference(%q, %q) = %q, want %q", tt.repository, tt.given, got, tt.want)
		}
	}
}

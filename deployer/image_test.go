package deployer

import "testing"

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
		if from, to := shortImages(tt.from, tt.to); from != tt.wantFrom || to != tt.wantTo {
			t.Errorf("shortImages(%q, %q) = %q, %q, want %q, %q", tt.from, tt.to, from, to, tt.wantFrom, tt.wantTo)
		}
	}
}

package registry

import "testing"

func TestValidRef(t *testing.T) {
	for ref, want := range map[string]bool{
		"myapp": true, "myapp:v2": true, "r.example:5000/team/my_app:2.0-rc.1": true, "myapp:_x": true,
		"myapp@sha256:0abc": true, "sha256:0abc": true,
		"": false, "-x": false, "myapp:-x": false, "myapp:.x": false, "a//b": false, "a/../b": false, "myapp:": false, "my app": false,
	} {
		if err := ValidRef(ref); (err == nil) != want {
			t.Errorf("ValidRef(%q) = %v", ref, err)
		}
	}
}

func TestRepository(t *testing.T) {
	for ref, want := range map[string]string{
		"myapp:v1": "myapp", "myapp": "myapp", "r:5000/myapp": "r:5000/myapp", "r:5000/myapp:v1@sha256:a": "r:5000/myapp",
	} {
		if got := Repository(ref); got != want {
			t.Errorf("Repository(%q) = %q, want %q", ref, got, want)
		}
	}
}

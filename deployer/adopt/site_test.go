package adopt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/deployer/outcome"
)

func TestFindSite(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Dir(w.Paths.Etc) // where the main file is
	for _, d := range []string{"sites-available", "sites-enabled", "conf.d"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"sites-available/shop", "sites-available/off.conf", "conf.d/api.conf", "sites-available/two", "conf.d/two.conf"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../sites-available/shop", filepath.Join(dir, "sites-enabled/shop")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "sites-available"))
	tests := []struct{ site, want, refused string }{
		{"shop", "sites-available/shop", ""}, // a file here
		{"off", "sites-available/off.conf", ""},
		{"api", "conf.d/api.conf", ""},
		{"conf.d/api.conf", "conf.d/api.conf", ""},
		{"/nowhere", "/nowhere", ""}, // a path is a path
		{"nope", "", "there is no site nope; looked at " + filepath.Join(dir, "sites-available/nope") + ", " + filepath.Join(dir, "sites-enabled/nope") + ", "},
	}
	for _, tt := range tests {
		got, err := w.findSite(t.Context(), tt.site)
		want := tt.want
		if want != "" && !filepath.IsAbs(want) {
			want = filepath.Join(dir, want)
		}
		if got != want || (err == nil) != (tt.refused == "") || err != nil && (outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), tt.refused)) {
			t.Errorf("%s: %q, %v; want %q %q", tt.site, got, err, want, tt.refused)
		}
	}
	t.Chdir(dir)
	if err := os.Mkdir("shop", 0o755); err != nil { // a directory of the app's
		t.Fatal(err)
	}
	if got, err := w.findSite(t.Context(), "shop"); err != nil || got != filepath.Join(dir, "sites-enabled/shop") {
		t.Errorf("a link and its file: %q, %v", got, err)
	}
	if _, err := w.findSite(t.Context(), "two"); outcome.ExitCode(err) != outcome.ExitRefused || !strings.Contains(err.Error(), " or ") {
		t.Errorf("two files: %v", err)
	}
}

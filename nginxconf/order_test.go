package nginxconf

import (
	"path/filepath"
	"slices"
	"testing"
)

// Whoever loads nginx in the middle of an adoption changes nothing: a snippet is
// led to the socket after the upstream is defined, and after all that include it
// have the Host that they had.
func TestOrderOfFiles(t *testing.T) {
	snippet := "proxy_pass http://127.0.0.1:8080;\nproxy_set_header X-A a;\n"
	site := func(name, more string) string {
		return "server {\n    listen 80;\n    server_name " + name + ";\n    location / { include snippets/app.conf; }\n" + more + "}\n"
	}
	own := "    location /own { proxy_pass http://127.0.0.1:8080; }\n"
	tests := map[string]struct {
		first, second, adopt string
		want                 []string
	}{
		"the first site defines": {site("a", ""), site("b", ""), "a", []string{"a", "b", "app.conf"}},
		"the second defines":     {site("a", ""), site("b", own), "b", []string{"b", "a", "app.conf"}},
		"both spell it, too":     {site("a", own), site("b", own), "a", []string{"a", "b", "app.conf"}},
		"one has nothing else":   {"# nothing\n", site("b", ""), "b", []string{"b", "app.conf"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := mustLoad(t, memFS{
				"/etc/nginx/nginx.conf": mainConf, "/etc/nginx/snippets/app.conf": snippet,
				"/etc/nginx/sites-enabled/a": tt.first, "/etc/nginx/sites-enabled/b": tt.second,
			})
			targets, err := c.Targets("/etc/nginx/sites-enabled/" + tt.adopt)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := c.Plan(Options{Socket: "/run/x.sock", App: "myapp", Everywhere: true}, targets[0])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range plan.Files {
				got = append(got, filepath.Base(f.Path))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("written in the order %q, want %q", got, tt.want)
			}
		})
	}
}

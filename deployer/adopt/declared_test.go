package adopt

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/deployer/compose"
	"edgeman/deployer/declared"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
	"edgeman/deployer/fake"
)

// file is a Compose file as Compose reads it.
type file string

func (f file) Read(_ context.Context, s compose.Service) (compose.Definition, error) {
	return compose.Parse(s, []byte(f))
}

func (f file) Template(context.Context, compose.Definition, string) (string, error) {
	return "app-edgeman-template-1", nil
}

// The plan says from which Compose service the container is, and whether its file
// still gives it.
func TestAdoptComparesWithTheComposeFile(t *testing.T) {
	for name, row := range map[string]struct {
		file   file
		differ []string
		err    error
		want   string
	}{
		"the same":         {file: `{"services":{"web":{"image":"myapp:v1"}}}`, want: "note: myapp: the files of service web of the Compose project app in /srv/app give the container that is running"},
		"another image":    {file: `{"services":{"web":{"image":"myapp:v2"}}}`, want: "another container than the one that is running: image myapp:v2; the first edgeman swap without an image takes that over"},
		"another variable": {file: `{"services":{"web":{"image":"myapp:v1"}}}`, differ: []string{"environment variable A"}, want: "that is running: environment variable A; the first"},
		"no such service":  {file: `{"services":{}}`, want: "warning: myapp: edgeman swap without an image will not be able to deploy what the files of service web"},
		"no Compose":       {err: compose.ErrNone, want: "note: myapp: it is not compared with the files of service web of the Compose project app in /srv/app: this host has no docker compose"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCopies(t, 1, "")
			path := filepath.Join(t.TempDir(), "compose.yaml")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			w.set("web-1", func(c *docker.Container) {
				c.Labels = map[string]string{
					"com.docker.compose.project": "app", "com.docker.compose.service": "web",
					"com.docker.compose.project.working_dir": "/srv/app", "com.docker.compose.project.config_files": path,
				}
			})
			w.Declares = adoptable.Declared{Differ: row.differ}
			w.Host.Declared = &declared.Host{Docker: fake.Docker{World: w.World}, Compose: func(context.Context) (declared.Compose, error) { return row.file, row.err }}
			r, err := w.Host.Adopt(t.Context(), Options{Sites: []string{w.site}, Name: "myapp", DryRun: true})
			if err != nil {
				t.Fatal(err)
			}
			if s := r.Apps[0].Compose; s == nil || s.Project != "app" || s.Name != "web" {
				t.Errorf("compose %+v", s)
			}
			if said := w.Stdout.String() + w.Stderr.String(); !strings.Contains(said, row.want) || !strings.Contains(said, "(myapp:v1), service web of the Compose project app in /srv/app\n") {
				t.Errorf("no %q in\n%s", row.want, said)
			}
			removed := strings.Contains(strings.Join(w.Calls, "\n"), "remove unused app-edgeman-template-1")
			if compiled := row.err == nil && row.file != `{"services":{}}`; removed != compiled {
				t.Errorf("the template was removed: %v", removed)
			}
		})
	}
}

package compose

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var web = Service{Project: "app", Name: "web", Dir: "/srv/app", Files: []string{"/srv/app/a.yml", "/srv/app/b.yml"}, EnvFiles: []string{"/srv/app/prod.env"}}

func TestOf(t *testing.T) {
	labels := map[string]string{
		"com.docker.compose.project": "app", "com.docker.compose.service": "web", "com.docker.compose.oneoff": "False",
		"com.docker.compose.project.working_dir": "/srv/app", "com.docker.compose.project.config_files": "/srv/app/a.yml,/srv/app/b.yml",
		"com.docker.compose.project.environment_file": "/srv/app/prod.env",
	}
	got, ok := Of(labels)
	if d := cmp.Diff(web, got); d != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, d)
	}
	labels["com.docker.compose.oneoff"] = "True"
	if _, ok := Of(labels); ok {
		t.Error("a container of docker compose run is taken for the service")
	}
	if _, ok := Of(nil); ok {
		t.Error("a container without labels is taken for a service")
	}
}

func TestHere(t *testing.T) {
	there := func(path string) bool { return path != "/data/compose/7/a.yml" }
	for name, row := range map[string]struct {
		files []string
		want  string
	}{
		"there":                {[]string{"/srv/app/a.yml"}, ""},
		"standard input":       {[]string{"-"}, "standard input"},
		"in another container": {[]string{"/data/compose/7/a.yml"}, "/data/compose/7/a.yml is not on this host"},
		"relative":             {[]string{"a.yml"}, "is not absolute"},
		"none":                 {nil, "do not say where"},
	} {
		s := web
		s.Files = row.files
		if err := s.Here(there); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The plugin comes first; version 1, which has no JSON, does not count.
func TestFind(t *testing.T) {
	for name, row := range map[string]struct {
		says map[string]string
		want string
	}{
		"plugin":            {map[string]string{"docker": "2.40.3-3\n", "docker-compose": "1.29.2"}, "2.40.3-3"},
		"by itself":         {map[string]string{"docker-compose": "v5.1.4\n"}, "5.1.4"},
		"version 1":         {map[string]string{"docker-compose": "1.29.2\n"}, ""},
		"no Compose at all": {nil, ""},
	} {
		c, err := find(t.Context(), func(_ context.Context, _ string, command ...string) ([]byte, error) {
			if out, ok := row.says[command[0]]; ok {
				return []byte(out), nil
			}
			return nil, errors.New("not found")
		})
		if row.want == "" && !errors.Is(err, ErrNone) || row.want != "" && (err != nil || c.Version != row.want) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

const model = `{"name":"app","services":{"web":{"image":"web:$${X}","build":{"context":"."},"container_name":"w","ports":[{"target":80}],
"deploy":{"replicas":2,"resources":{"limits":{"memory":"1"}}},"restart":"always","depends_on":{"db":{}},"environment":{"A":"x$$y"},
"networks":{"default":null},"secrets":[{"source":"tok"}]}},
"networks":{"default":{"name":"app_default","ipam":{}}},"volumes":{"data":{"name":"app_data"}},"secrets":{"tok":{"environment":"TOK"}}}`

// The template is the service without what is about its name, its number and its
// life, in a project whose networks and volumes are there already.
func TestTemplate(t *testing.T) {
	var calls [][]string
	var file string
	c := &Compose{command: []string{"docker", "compose"}, run: func(_ context.Context, dir string, command ...string) ([]byte, error) {
		calls = append(calls, append([]string{dir}, command...))
		if slices.Contains(command, "config") {
			return []byte(model), nil
		}
		file = command[slices.Index(command, "--file")+1]
		written, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		var got, want any
		err = errors.Join(json.Unmarshal(written, &got), json.Unmarshal([]byte(`{"name":"app","services":{"edgeman-template":{"image":"web:$${X}","ports":[{"target":80}],
			"deploy":{"resources":{"limits":{"memory":"1"}}},"environment":{"A":"x$$y"},"networks":{"default":null},"secrets":[{"source":"tok"}]}},
			"networks":{"default":{"name":"app_default","external":true}},"volumes":{"data":{"name":"app_data","external":true}},"secrets":{"tok":{"environment":"TOK"}}}`), &want))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		return nil, nil
	}}
	d, err := c.Read(t.Context(), web)
	if err != nil || d.Image() != "web:${X}" {
		t.Fatalf("image %q, %v", d.Image(), err)
	}
	name, err := c.Template(t.Context(), d, d.Image())
	if err != nil || name != "app-edgeman-template-1" {
		t.Errorf("%q, %v", name, err)
	}
	project := []string{"/srv/app", "docker", "compose", "--project-name", "app", "--project-directory", "/srv/app"}
	want := [][]string{
		append(slices.Clone(project), "--file", "/srv/app/a.yml", "--file", "/srv/app/b.yml", "--env-file", "/srv/app/prod.env", "config", "--format", "json", "web"),
		append(slices.Clone(project), "--file", file, "--env-file", "/srv/app/prod.env", "up", "--no-start", "--no-deps", "--pull", "never", "edgeman-template"),
	}
	if d := cmp.Diff(want, calls); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", file, err)
	}
}

func TestRefused(t *testing.T) {
	for own, want := range map[string]string{
		`{"image":"a"}`:                                  "",
		`{"network_mode":"host"}`:                        "",
		`{"network_mode":"service:vpn"}`:                 "network_mode",
		`{"pid":"container:x"}`:                          "pid",
		`{"volumes_from":["db"]}`:                        "volumes_from",
		`{"volumes_from":null}`:                          "",
		`{"environment":{"network_mode":"service:vpn"}}`: "",
	} {
		d, err := Parse(web, []byte(`{"services":{"web":`+own+`}}`))
		if err != nil || d.Refused() != want {
			t.Errorf("%s: %q, %v", own, d.Refused(), err)
		}
	}
}

// A program that fails is told with the last line that it said, and one that hangs
// has a deadline.
func TestExecute(t *testing.T) {
	if _, err := execute(t.Context(), "/", "sh", "-c", "echo one >&2; echo two >&2; exit 3"); err == nil || err.Error() != "two (exit status 3)" {
		t.Errorf("%v", err)
	}
	t.Setenv("COMPOSE_FILE", "/elsewhere")
	if out, err := execute(t.Context(), "/", "sh", "-c", "echo $COMPOSE_FILE$COMPOSE_IGNORE_ORPHANS"); err != nil || string(out) != "1\n" {
		t.Errorf("%q, %v", out, err)
	}
}

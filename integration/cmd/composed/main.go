// Command composed compares, for each service of Compose files, the container that
// Compose makes with what edgeman makes of the file: on a host with Docker, Compose
// and an image that stands in for all others.
//
//	composed IMAGE FILE...
//
// It prints a line for each service: "same", "differs" with the settings, or "skipped"
// with the reason; and "refused" for a file that Compose itself does not take.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgeman/deployer/compose"
	"edgeman/deployer/docker"
	"edgeman/deployer/docker/adoptable"
)

func main() {
	ctx := context.Background()
	client, err := docker.Open(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "composed:", err)
		os.Exit(1)
	}
	c, err := compose.Find(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "composed:", err)
		os.Exit(1)
	}
	for i, file := range os.Args[2:] {
		p := project{c: c, client: client, image: os.Args[1], name: fmt.Sprintf("c%d", i), file: file, dir: filepath.Dir(file)}
		p.compare(ctx)
	}
}

type project struct {
	c                      *compose.Compose
	client                 *docker.Client
	image, name, file, dir string
}

// run runs a program and returns the last line of what it said if it failed.
func (p project) run(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = p.dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		err = fmt.Errorf("%s (%w)", lines[len(lines)-1], err)
	}
	return out, err
}

func (p project) compose(args ...string) ([]byte, error) {
	return p.run(append([]string{"docker", "compose", "--project-name", p.name, "--file", p.file}, args...)...)
}

func (p project) say(what, service, why string) {
	fmt.Printf("%s\t%s\t%s\t%s\n", what, p.file, service, why)
}

func (p project) compare(ctx context.Context) {
	defer func() { _, _ = p.compose("down", "--volumes", "--remove-orphans", "--timeout", "1") }()
	out, err := p.compose("config", "--format", "json")
	var model struct {
		Services map[string]struct{ Image string }
	}
	if err == nil {
		err = json.Unmarshal(out, &model)
	}
	if err != nil {
		p.say("refused", "", err.Error())
		return
	}
	var names []string
	for name := range model.Services {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		what, why := p.service(ctx, name, model.Services[name].Image)
		p.say(what, name, why)
	}
}

func (p project) service(ctx context.Context, name, image string) (what, why string) {
	if image == "" {
		image = p.name + "-" + name
	}
	image = strings.ReplaceAll(image, "$$", "$")
	if strings.Contains(image, "@") {
		return "skipped", "its image is a digest, which none can stand in for"
	}
	if _, err := p.run("docker", "tag", p.image, image); err != nil {
		return "skipped", err.Error()
	}
	if _, err := p.compose("up", "--no-start", "--no-deps", "--no-build", "--pull", "never", name); err != nil {
		return "skipped", "Compose itself: " + err.Error()
	}
	id, err := p.run("docker", "ps", "--all", "--quiet", "--latest", "--filter", "label=com.docker.compose.project="+p.name, "--filter", "label=com.docker.compose.service="+name)
	if err != nil || len(id) == 0 {
		return "skipped", fmt.Sprintf("Compose made no container: %v", err)
	}
	made, err := p.client.Adopt(ctx, strings.TrimSpace(string(id)))
	if err != nil {
		return "differs", err.Error()
	}
	s, ok := compose.Of(made.Container.Labels)
	if !ok {
		return "differs", "it is not known as a service"
	}
	d, err := p.c.Read(ctx, s)
	if err != nil {
		return "differs", err.Error()
	}
	if key := d.Refused(); key != "" {
		return "skipped", "refused for its " + key
	}
	template, err := p.c.Template(ctx, d, image)
	if err != nil {
		return "differs", err.Error()
	}
	defer func() { _ = p.client.RemoveUnused(ctx, template) }()
	is, err := p.client.Declared(ctx, template, adoptable.Like{Live: made.Settings, Name: made.Container.Name, Aliases: d.Renames()})
	switch {
	case err != nil:
		return "differs", err.Error()
	case len(is.Differ) > 0:
		return "differs", strings.Join(is.Differ, ", ")
	case !slices.Equal(is.StopFirst, made.StopFirst):
		return "differs", fmt.Sprintf("stop first because %q, and %q by the file", made.StopFirst, is.StopFirst)
	}
	return "same", ""
}

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Limits of calls. Compose itself only reads files for most of them; making the
// template waits for Docker.
const (
	readLimit = 30 * time.Second
	makeLimit = 2 * time.Minute
	ending    = 5 * time.Second // of a call that is given up
)

// ErrNone means that there is no Compose on this host which can tell what its files
// say: version 1 has no JSON.
var ErrNone = errors.New("this host has no docker compose of version 2 or newer")

// Compose is the Compose of this host.
type Compose struct {
	command []string // "docker compose" or "docker-compose"
	Version string   // without a v
	run     run
}

// run runs a program with those arguments in a directory, and returns its standard
// output. The error has what it said.
type run func(ctx context.Context, dir string, command ...string) ([]byte, error)

// Find finds Compose, the plugin first. The error is ErrNone if there is none.
func Find(ctx context.Context) (*Compose, error) { return find(ctx, execute) }

func find(ctx context.Context, run run) (*Compose, error) {
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		ctx, cancel := context.WithTimeout(ctx, readLimit)
		out, err := run(ctx, "/", append(command, "version", "--short")...)
		cancel()
		version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
		if err == nil && version != "" && !strings.HasPrefix(version, "1.") {
			return &Compose{command: command, Version: version, run: run}, nil
		}
	}
	return nil, ErrNone
}

// call runs Compose for the service's project.
func (c *Compose) call(ctx context.Context, limit time.Duration, s Service, files []string, args ...string) ([]byte, error) {
	command := append([]string{}, c.command...)
	command = append(command, "--project-name", s.Project, "--project-directory", s.Dir)
	for _, f := range files {
		command = append(command, "--file", f)
	}
	for _, f := range s.EnvFiles {
		command = append(command, "--env-file", f)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := c.run(ctx, s.Dir, append(command, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", strings.Join(c.command, " "), args[0], err)
	}
	return out, nil
}

// Definition is what the files say of a service, and what it refers to in its
// project, as Compose puts it: every $ is doubled.
type Definition struct {
	service Service
	model   map[string]json.RawMessage // of the project
	own     map[string]json.RawMessage // of the service
}

// Read compiles what the service's files say now.
func (c *Compose) Read(ctx context.Context, s Service) (Definition, error) {
	out, err := c.call(ctx, readLimit, s, s.Files, "config", "--format", "json", s.Name)
	if err != nil {
		return Definition{}, err
	}
	return Parse(s, out)
}

// Parse reads what config --format json prints.
func Parse(s Service, model []byte) (Definition, error) {
	d := Definition{service: s}
	if err := json.Unmarshal(model, &d.model); err != nil {
		return d, fmt.Errorf("reading what Compose says of project %s: %w", s.Project, err)
	}
	var services map[string]map[string]json.RawMessage
	if err := json.Unmarshal(d.model["services"], &services); err != nil {
		return d, fmt.Errorf("reading the services of project %s: %w", s.Project, err)
	}
	if d.own = services[s.Name]; d.own == nil {
		return d, fmt.Errorf("the files of project %s have no service %s any more", s.Project, s.Name)
	}
	return d, nil
}

// Image is the reference that the service runs, "" if it is only built.
func (d Definition) Image() string {
	var image string
	_ = json.Unmarshal(d.own["image"], &image) // Compose has checked it
	return strings.ReplaceAll(image, "$$", "$")
}

// execute is run for real. Nothing of this process's own environment tells Compose
// what to read: the labels say that, and the project's own .env.
func execute(ctx context.Context, dir string, command ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, ending
	cmd.Env = []string{"COMPOSE_IGNORE_ORPHANS=1"}
	for _, name := range []string{"PATH", "HOME", "LANG", "DOCKER_HOST", "DOCKER_CONFIG"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if text := strings.TrimSpace(said.String()); err != nil && text != "" {
		lines := strings.Split(text, "\n")
		err = fmt.Errorf("%s (%w)", lines[len(lines)-1], err)
	}
	return out.Bytes(), err
}

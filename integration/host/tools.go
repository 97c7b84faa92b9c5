package host

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"edgeman/integration/load"
)

// Image is an image of the echo app, built inside a host FROM scratch. It
// listens on 8080.
type Image struct {
	Tag string // for example "myapp:v1"; the part after the colon is its ECHO_VERSION
	Env map[string]string
	// Healthcheck is the time between runs of a HEALTHCHECK, for example "1s";
	// empty: the image has none.
	Healthcheck string
	Lines       []string // more Dockerfile lines, before ENTRYPOINT
}

func (i Image) dockerfile() string {
	_, version, _ := strings.Cut(i.Tag, ":")
	lines := []string{"FROM scratch", "COPY echo /echo", "EXPOSE 8080", "ENV ECHO_VERSION=" + version}
	for key, value := range i.Env {
		lines = append(lines, fmt.Sprintf("ENV %s=%q", key, value))
	}
	sort.Strings(lines[4:])
	if i.Healthcheck != "" {
		lines = append(lines, "HEALTHCHECK --interval="+i.Healthcheck+` CMD ["/echo", "healthcheck"]`)
	}
	lines = append(lines, i.Lines...)
	return strings.Join(append(lines, `ENTRYPOINT ["/echo"]`), "\n") + "\n"
}

// BuildImages builds each image inside the host.
func (h *Host) BuildImages(ctx context.Context, images ...Image) error {
	if err := h.install(ctx, "./integration/apps/echo", "/opt/echo/echo"); err != nil {
		return err
	}
	for _, image := range images {
		if err := h.WriteFile(ctx, "/opt/echo/Dockerfile", []byte(image.dockerfile()), 0o644); err != nil {
			return err
		}
		// Without the buildx plugin, which Debian does not install, only the classic builder is there.
		if _, err := h.Run(ctx, "env", "DOCKER_BUILDKIT=0", "docker", "build", "--quiet", "--tag", image.Tag, "/opt/echo"); err != nil {
			return fmt.Errorf("build image %s: %w", image.Tag, err)
		}
	}
	return nil
}

// Load is a load client at work inside a host.
type Load struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   loadOutput
}

// loadOutput is what the client prints: first a line when it begins to send.
type loadOutput struct {
	strings.Builder
	once  sync.Once
	began chan struct{}
}

func (o *loadOutput) Write(b []byte) (int, error) {
	o.once.Do(func() { close(o.began) })
	return o.Builder.Write(b)
}

// loadBegins bounds how long the client may take to start.
const loadBegins = 2 * time.Minute

// StartLoad starts the load client inside the host, so that its connections
// stay in the host's network namespace, and returns when it begins to send.
func (h *Host) StartLoad(ctx context.Context, o load.Options) (*Load, error) {
	if err := h.install(ctx, "./integration/cmd/load", "/opt/load"); err != nil {
		return nil, err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	l := &Load{cmd: h.Exec(ctx, "/opt/load", string(data)), out: loadOutput{began: make(chan struct{})}}
	l.cmd.Stdout = &l.out
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	select {
	case <-l.out.began:
		return l, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(loadBegins):
		err = fmt.Errorf("the load client sent nothing within %s", loadBegins)
	}
	l.stdin.Close()
	return nil, errors.Join(err, l.cmd.Wait())
}

// Stop ends the load, waits for the answers still due and returns the counts.
func (l *Load) Stop() (load.Result, error) {
	var result load.Result
	l.stdin.Close()
	if err := l.cmd.Wait(); err != nil {
		return result, fmt.Errorf("load client: %w", err)
	}
	return result, json.Unmarshal([]byte(l.out.String()), &result)
}

// LoadFor runs the load client for d.
func (h *Host) LoadFor(ctx context.Context, d time.Duration, o load.Options) (load.Result, error) {
	l, err := h.StartLoad(ctx, o)
	if err != nil {
		return load.Result{}, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return l.Stop()
}

// install puts a static build of one of this module's commands into the host.
func (h *Host) install(ctx context.Context, pkg, to string) error {
	binary, err := Tool(ctx, pkg)
	if err != nil {
		return err
	}
	return h.Copy(ctx, binary, to)
}

var tools struct {
	sync.Mutex
	built map[string]string
}

// Tool builds one of this module's commands (a path such as
// "./integration/cmd/load") as a static binary, once per process.
func Tool(ctx context.Context, pkg string) (string, error) {
	tools.Lock()
	defer tools.Unlock()
	if path, ok := tools.built[pkg]; ok {
		return path, nil
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	module := filepath.Dir(strings.TrimSpace(string(out)))
	// Another checkout of this module may have another version of it.
	path := filepath.Join(CacheDir(), "bin", fmt.Sprintf("%x-%s", sha256.Sum256([]byte(module)), filepath.Base(pkg)))
	part := fmt.Sprintf("%s.%d", path, os.Getpid()) // another process may be building it too
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", part, pkg)
	cmd.Dir, cmd.Env = module, append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	if err := os.Rename(part, path); err != nil {
		return "", err
	}
	if tools.built == nil {
		tools.built = map[string]string{}
	}
	tools.built[pkg] = path
	return path, nil
}

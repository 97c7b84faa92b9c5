//go:build integration

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeman/deployer/docker/inspect"
)

// These tests need a Docker daemon that they may use as they like. They run
// inside a test host and nowhere else:
//
//	CGO_ENABLED=0 go test -c -tags integration -o /tmp/docker.test ./deployer/docker
//	testhost cp HOST /tmp/docker.test /root/docker.test
//	testhost exec HOST -- env EDGEMAN_DOCKER_TEST=1 /root/docker.test -test.v
//
// The pulls need Debian's docker-registry there; EDGEMAN_REGISTRY says where if
// it is not installed. EDGEMAN_CAPTURE names a directory for inspect answers.
const gate = "EDGEMAN_DOCKER_TEST"

var prune sync.Once

// limit bounds each test.
const limit = 10 * time.Minute

// daemon opens the client, or skips; everything the test made is removed after it.
func daemon(t *testing.T) (*Client, context.Context) {
	t.Helper()
	if os.Getenv(gate) == "" {
		t.Skipf("needs a Docker daemon of its own: set %s inside a test host", gate)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	c, err := Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clean(t); c.Close() })
	clean(t)
	prune.Do(func() { docker(t, "image", "prune", "-af") }) // images of another build of this test
	image(t, "app:v1", "ENV FROM_IMAGE=1 VERSION=v1 PATH=/bin", "LABEL vendor=one kind=app", "EXPOSE 8080", "WORKDIR /srv")
	return c, ctx
}

// clean removes all containers, user networks and volumes.
func clean(t *testing.T) {
	t.Helper()
	if ids := strings.Fields(docker(t, "ps", "-aq")); len(ids) > 0 {
		docker(t, append([]string{"rm", "-fv"}, ids...)...)
	}
	docker(t, "network", "prune", "-f")
	if vs := strings.Fields(docker(t, "volume", "ls", "-q")); len(vs) > 0 {
		docker(t, append([]string{"volume", "rm", "-f"}, vs...)...)
	}
}

// docker runs the docker command and returns its stdout.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryDocker(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryDocker(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// image makes an image with this test as its app, entrypoint /app and command
// serve unless the lines of a Dockerfile say otherwise.
func image(t *testing.T, ref string, lines ...string) {
	t.Helper()
	if _, err := tryDocker("image", "inspect", "base:v0"); err != nil {
		importBase(t)
	}
	file := strings.Join(append([]string{"FROM base:v0", "ENV EDGEMAN_TEST_APP=1", `ENTRYPOINT ["/app"]`, `CMD ["serve"]`}, lines...), "\n")
	cmd := exec.Command("docker", "build", "-q", "-t", ref, "-")
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	cmd.Stdin = strings.NewReader(file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v: %s", err, out)
	}
}

func importBase(t *testing.T) {
	t.Helper()
	cmd := exec.Command("docker", "import", "-", "base:v0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = writeRoot(in)
	in.Close()
	if werr := cmd.Wait(); err != nil || werr != nil {
		t.Fatalf("docker import: %v %v %s", err, werr, out.String())
	}
}

// writeRoot writes an image's files.
func writeRoot(w io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "app", Mode: 0o755, Size: int64(len(b))},
		{Typeflag: tar.TypeDir, Name: "bin", Mode: 0o755},
		{Typeflag: tar.TypeLink, Name: "bin/sh", Linkname: "app", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "srv", Mode: 0o777},
		{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o777},
		{Typeflag: tar.TypeDir, Name: "etc", Mode: 0o755},
	} {
		if err := tw.WriteHeader(&h); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := tw.Write(b); err != nil {
				return err
			}
		}
	}
	return tw.Close()
}

// inspect is docker's own view of a container.
func inspected(t *testing.T, name string) inspect.Answer {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(docker(t, "inspect", "--type", "container", name)), &list); err != nil {
		t.Fatal(err)
	}
	in, err := inspect.ReadAnswer(list[0])
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// capture keeps an inspect answer for the unit tests when a directory is given.
func capture(t *testing.T, c *Client, ctx context.Context, name, container string) {
	t.Helper()
	dir := os.Getenv("EDGEMAN_CAPTURE")
	if dir == "" {
		return
	}
	ct, err := c.Inspect(ctx, container)
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.imageRaw(ctx, ct.ImageID)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, b := range map[string][]byte{"container": ct.Raw, "image": img} {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, b, "", "  "); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s.api%s.%s.json", name, c.API(), suffix))
		if err := os.WriteFile(path, append(pretty.Bytes(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// until polls until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

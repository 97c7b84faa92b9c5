//go:build integration

package docker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/deployer/docker/registry"
	"edgeman/integration/port"
)

// password is "secret" as the registry wants it.
const password = "user:$2b$05$jIdTlOzo5vOciDbzkdeFg.59K5/QLTxfCBwOb8cNCsLNH/Se4XYXm\n"

// startRegistry starts Debian's docker-registry, with a password when auth is set,
// and returns its address.
func startRegistry(t *testing.T, auth bool) string {
	t.Helper()
	program := os.Getenv("EDGEMAN_REGISTRY")
	if program == "" {
		program = "/usr/bin/docker-registry"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skipf("no registry: %v; install docker-registry or set EDGEMAN_REGISTRY", err)
	}
	dir := t.TempDir()
	at := fmt.Sprintf("127.0.0.1:%d", port.Free(t))
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: %s}\n", dir, at)
	if auth {
		config += fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n", dir)
	}
	for name, text := range map[string]string{"config.yml": config, "htpasswd": password} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "serve", filepath.Join(dir, "config.yml"))
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(t, "the registry listens", func() bool {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return at
}

func TestRealPull(t *testing.T) {
	c, ctx := daemon(t)
	ref := startRegistry(t, false) + "/some/app:v1"
	docker(t, "tag", "app:v1", ref)
	docker(t, "push", ref)
	// No image may be left, or its layers are here already.
	docker(t, "image", "prune", "-af")
	var steps []registry.Progress
	if err := c.Pull(ctx, ref, func(p registry.Progress) { steps = append(steps, p) }); err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, ref)
	if err != nil || len(img.RepoDigests) != 1 || !strings.Contains(img.RepoDigests[0], "/some/app@sha256:") || img.Arch == "" || img.Os != "linux" {
		t.Fatalf("%+v %v", img, err)
	}
	last := steps[len(steps)-1]
	if last.Current != last.Total || last.Total == 0 {
		t.Errorf("%d steps, the last %+v", len(steps), last)
	}
	for i := 1; i < len(steps); i++ {
		if steps[i].Total < steps[i-1].Total {
			t.Errorf("step back from %+v to %+v", steps[i-1], steps[i])
		}
	}
	if err := c.Pull(ctx, img.RepoDigests[0], nil); err != nil {
		t.Error(err)
	}
	err = c.Pull(ctx, strings.Replace(ref, ":v1", ":v9", 1), nil)
	if err == nil {
		t.Error("pulled a tag that is not there")
	}
	t.Log(err)
}

func TestRealPullPassword(t *testing.T) {
	c, ctx := daemon(t)
	at := startRegistry(t, true)
	ref := at + "/app:v1"
	if out, err := exec.Command("docker", "--config", t.TempDir(), "login", "-u", "user", "-p", "wrong", at).CombinedOutput(); err == nil {
		t.Fatalf("the registry takes any password: %s", out)
	}
	config := t.TempDir()
	if out, err := exec.Command("docker", "--config", config, "login", "-u", "user", "-p", "secret", at).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	docker(t, "tag", "app:v1", ref)
	docker(t, "--config", config, "push", ref)
	docker(t, "rmi", ref)
	err := c.Pull(ctx, ref, nil)
	var failed *registry.Error
	if !errors.As(err, &failed) || failed.Kind != registry.Denied || failed.Registry != at {
		t.Errorf("without a password: %v", err)
	}
	t.Log(err)
	auth := func(plain string) {
		c.sys.login.Config = func() ([]byte, error) {
			return fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, at, base64.StdEncoding.EncodeToString([]byte(plain))), nil
		}
	}
	auth("user:wrong")
	if err := c.Pull(ctx, ref, nil); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	auth("user:secret")
	if err := c.Pull(ctx, ref, nil); err != nil {
		t.Error(err)
	}
}

// Package servers makes images of application servers for the end-to-end tests:
// those of Debian, in one image, each with a tiny app that answers like the echo
// app, and a Go server.
package servers

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"edgeman/integration/host"
)

// packages are in every image. gunicorn and python3-uvicorn bring Python,
// puma and unicorn bring Ruby.
var packages = []string{
	"gunicorn", "uvicorn", "python3-hypercorn", "python3-waitress", "puma", "unicorn", "ruby-rack",
	"php8.2-fpm", "nodejs", "nginx-light", "apache2", "tini",
}

// release is the one whose package names are above.
const release = "bookworm"

//go:embed app
var sources embed.FS

// useless in an image, and half of its size.
var useless = []string{"var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "debootstrap"}

// Install makes the images servers:v1 and servers:v2 in the host. They differ
// in APP_VERSION only; the apps are in /app, which is the working directory.
func Install(ctx context.Context, h *host.Host, log io.Writer) error {
	archive, err := build(ctx, log)
	if err != nil {
		return err
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	load := h.Exec(ctx, "docker", "import", "-", "servers:base")
	load.Stdin = f
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("docker import: %w\n%s", err, out)
	}
	if err := copyApps(ctx, h); err != nil {
		return err
	}
	for _, version := range []string{"v1", "v2"} {
		dockerfile := "FROM servers:base\nCOPY app /app\nWORKDIR /app\nRUN mkdir -p /run/edgeman /run/php\nEXPOSE 8080\nENV APP_VERSION=" + version + "\n"
		if err := BuildImage(ctx, h, "servers:"+version, dockerfile); err != nil {
			return err
		}
	}
	return nil
}

// context is where images are built, inside a host.
const contextDir = "/opt/servers"

// BuildImage builds an image from the apps, the Go server (as gohttp) and what
// else was copied to /opt/servers.
func BuildImage(ctx context.Context, h *host.Host, tag, dockerfile string) error {
	if err := h.WriteFile(ctx, contextDir+"/Dockerfile", []byte(dockerfile), 0o644); err != nil {
		return err
	}
	if _, err := h.Run(ctx, "env", "DOCKER_BUILDKIT=0", "docker", "build", "--quiet", "--tag", tag, contextDir); err != nil {
		return fmt.Errorf("build image %s: %w", tag, err)
	}
	return nil
}

// CopyGo puts the Go server where BuildImage finds it.
func CopyGo(ctx context.Context, h *host.Host) error {
	binary, err := host.Tool(ctx, "./integration/servers/gohttp")
	if err != nil {
		return err
	}
	return h.Copy(ctx, binary, contextDir+"/gohttp")
}

func copyApps(ctx context.Context, h *host.Host) error {
	return fs.WalkDir(sources, "app", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		return h.WriteFile(ctx, contextDir+"/"+path, data, 0o644)
	})
}

// build returns the archive of a root with the packages, which it makes once
// and keeps beside the hosts' roots.
func build(ctx context.Context, log io.Writer) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(packages, ",")))
	archive := filepath.Join(host.CacheDir(), "servers-"+hex.EncodeToString(sum[:6])+".tar")
	if err := os.MkdirAll(host.CacheDir(), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(host.CacheDir(), "servers.lock"))
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock the build of the servers: %w", err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	fmt.Fprintf(log, "servers: building %s (about three minutes)\n", archive)
	root := filepath.Join(host.CacheDir(), "servers.part")
	defer os.RemoveAll(root)
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	if err := run(ctx, "debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), release, root, mirror()); err != nil {
		return "", err
	}
	for _, dir := range useless {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return "", err
		}
	}
	if err := run(ctx, "tar", "-C", root, "--one-file-system", "--exclude=./dev/*", "-cf", archive+".part", "."); err != nil {
		return "", err
	}
	return archive, os.Rename(archive+".part", archive)
}

// mirror is where packages come from: $EDGEMAN_MIRROR, or debootstrap's own
// default.
func mirror() string { return os.Getenv("EDGEMAN_MIRROR") }

func run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", args[0], err, out[max(0, len(out)-2000):])
	}
	return nil
}

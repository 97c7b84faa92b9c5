// Package host builds and boots throw-away Debian machines with real systemd,
// nginx and Docker, so that tests meet the parts users have. A host is a
// systemd-nspawn container with its own process, mount and network namespaces;
// nothing in it can reach, or is reached from, the machine it runs on.
package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// Releases are the Debian releases a host can be built from, oldest first.
func Releases() []string { return []string{"bullseye", "bookworm", "trixie", "forky"} }

// recipeVersion is part of a root's name: raise it when configure changes.
const recipeVersion = "1"

func packages(release string, more []string) []string {
	list := []string{
		"systemd", "systemd-sysv", "dbus", "nginx-light", "docker.io", "iptables",
		"iproute2", "curl", "ca-certificates", "procps", "openssl", "libnginx-mod-stream", "jq",
	}
	if release != "bullseye" && release != "bookworm" {
		list = append(list, "docker-cli") // part of docker.io until trixie
	}
	if release == "bullseye" {
		list[slices.Index(list, "nginx-light")] = "nginx-core" // light has fewer modules than from bookworm on
	}
	return append(list, more...)
}

// CacheDir is where roots and running hosts live: $EDGEMAN_CACHE, or
// /var/cache/edgeman/hosts. It has to be on a real file system (overlayfs takes
// no overlay as its upper directory).
func CacheDir() string {
	if dir := os.Getenv("EDGEMAN_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/edgeman/hosts"
}

// mirror is where packages come from: $EDGEMAN_MIRROR, or debootstrap's own
// default.
func mirror() string { return os.Getenv("EDGEMAN_MIRROR") }

// rootName carries a hash of everything that shapes the root, so that a changed
// recipe never meets an old tree.
func rootName(release string, more []string) string {
	sum := sha256.Sum256([]byte(recipeVersion + "\n" + strings.Join(packages(release, more), ",")))
	return kind(release, more) + "-" + hex.EncodeToString(sum[:6])
}

// kind tells roots that are kept side by side apart: of each, the newest stays.
func kind(release string, more []string) string {
	if len(more) > 0 {
		return release + "+" + more[0]
	}
	return release
}

// Build returns the cached root of release with more Debian packages in it, if
// any, and builds it first if it is not there. Services named like such a package
// are masked. Progress goes to log. A second caller, in another process too,
// waits for the first; a build that failed half-way is never used.
func Build(ctx context.Context, release string, log io.Writer, more ...string) (string, error) {
	if !slices.Contains(Releases(), release) {
		return "", fmt.Errorf("unknown release %q (known: %s)", release, strings.Join(Releases(), ", "))
	}
	cache := CacheDir()
	if strings.ContainsAny(cache, ":,\\ ") {
		return "", fmt.Errorf("cache directory %q: overlayfs cannot take a path with colon, comma, backslash or space", cache)
	}
	root := filepath.Join(cache, rootName(release, more))
	if exists(root) {
		return root, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(cache, kind(release, more)+".lock"))
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock the build of %s: %w", release, err)
	}
	defer lock.Unlock()
	if exists(root) {
		return root, nil
	}
	if err := buildTwice(ctx, release, root, more, log); err != nil {
		return "", err
	}
	removeOldRoots(cache, kind(release, more), root)
	return root, nil
}

// buildTwice tries once more after any failure: nearly all are downloads.
func buildTwice(ctx context.Context, release, root string, more []string, log io.Writer) error {
	fmt.Fprintf(log, "host: building %s in %s (about a minute)\n", release, root)
	err := debootstrap(ctx, release, root, more)
	if err == nil || ctx.Err() != nil {
		return err
	}
	fmt.Fprintf(log, "host: %v; trying once more\n", err)
	return debootstrap(ctx, release, root, more)
}

func debootstrap(ctx context.Context, release, root string, more []string) error {
	part := root + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	args := []string{"--variant=minbase", "--include=" + strings.Join(packages(release, more), ","), release, part, mirror()}
	if !exists("/usr/share/debootstrap/scripts/" + release) {
		args = append(args, "/usr/share/debootstrap/scripts/sid")
	}
	cmd := exec.CommandContext(ctx, "debootstrap", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	logFile, err := os.Create(filepath.Join(filepath.Dir(root), kind(release, more)+".log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("debootstrap %s: %w (output in %s)\n%s", release, err, logFile.Name(), tail(logFile.Name(), 5))
	}
	if err := configure(part, more); err != nil {
		return fmt.Errorf("configure %s: %w", release, err)
	}
	return os.Rename(part, root)
}

// configure makes the tree boot the same way every time, without the network.
func configure(root string, more []string) error {
	masked := []string{"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "systemd-timesyncd.service"}
	for _, name := range more {
		masked = append(masked, name+".service")
	}
	for _, unit := range masked {
		if err := os.Symlink("/dev/null", filepath.Join(root, "etc/systemd/system", unit)); err != nil {
			return err
		}
	}
	// The journal has to outlive a power cut.
	if err := os.MkdirAll(filepath.Join(root, "var/log/journal"), 0o755); err != nil {
		return err
	}
	resolv := filepath.Join(root, "etc/resolv.conf")
	if err := os.RemoveAll(resolv); err != nil {
		return err
	}
	if err := os.WriteFile(resolv, []byte("# a test host has no name server\n"), 0o644); err != nil {
		return err
	}
	for _, dir := range []string{"var/cache/apt", "var/lib/apt/lists"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	return nil
}

// removeOldRoots drops roots of older recipes, unless a host still stands on one.
func removeOldRoots(cache, kind, keep string) {
	used := map[string]bool{keep: true}
	for _, name := range names() {
		if meta, err := readMeta(name); err == nil {
			used[meta.Root] = true
		}
	}
	roots, _ := filepath.Glob(filepath.Join(cache, kind+"-*"))
	for _, root := range roots {
		if !used[root] {
			os.RemoveAll(root)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// tail returns the last n lines of a file, for error messages.
func tail(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

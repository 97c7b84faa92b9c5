package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"
)

// Host is one machine. Its methods may be called from several goroutines, but
// not while one of Boot, PowerCut, PowerOff, Reboot or Down runs.
type Host struct {
	Name    string
	Release string

	root  string       // read-only lower tree
	dir   string       // everything this host writes
	owner *flock.Flock // held while the owning process lives; nil if detached
	log   io.Writer
}

// Options say what to boot.
type Options struct {
	Name    string    // lower case, unique on this machine; empty: a random one
	Release string    // one of Releases
	Keep    bool      // the host outlives this process, until somebody calls Down
	Log     io.Writer // progress; nil: none
	// Packages are more Debian packages to have. Services named like one are masked.
	Packages []string
}

// meta is what another process needs to find a host again (host.json).
type meta struct {
	Release string
	Root    string
	Keep    bool
}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

// Up builds the release's root if needed, boots a new host on a copy-on-write
// view of it and returns when its systemd, nginx and Docker are up. Unless
// Options.Keep is set the host dies with the calling process, whatever ends it.
func Up(ctx context.Context, o Options) (*Host, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Name == "" {
		o.Name = o.Release + "-" + randomHex(4)
	}
	if !validName.MatchString(o.Name) {
		return nil, fmt.Errorf("host name %q: want lower-case letters, digits and dashes, at most 41", o.Name)
	}
	root, err := Build(ctx, o.Release, o.Log, o.Packages...)
	if err != nil {
		return nil, err
	}
	h := &Host{Name: o.Name, Release: o.Release, root: root, dir: hostDir(o.Name), log: o.Log}
	if err := makeDir(h.dir); err != nil {
		return nil, fmt.Errorf("create host %s: %w", o.Name, err)
	}
	if err := h.fill(o.Keep); err != nil {
		return nil, errors.Join(fmt.Errorf("create host %s: %w", o.Name, err), h.Down())
	}
	if err := h.Boot(ctx); err != nil {
		return nil, errors.Join(err, h.Down())
	}
	return h, nil
}

// Attach returns a host that Up created in this or another process.
func Attach(name string) (*Host, error) {
	m, err := readMeta(name)
	if err != nil {
		return nil, fmt.Errorf("no host named %q: %w", name, err)
	}
	return &Host{Name: name, Release: m.Release, root: m.Root, dir: hostDir(name), log: io.Discard}, nil
}

// makeDir fails if the directory is there: the name is taken.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o755)
}

func (h *Host) fill(keep bool) error {
	if !keep {
		// Locked before it is there under its name, or a sweep might be faster.
		h.owner = flock.New(h.path("owner.new"))
		if _, err := h.owner.TryLock(); err != nil {
			return err
		}
		if err := os.Rename(h.path("owner.new"), h.path("owner")); err != nil {
			return err
		}
	}
	for _, dir := range []string{"upper/etc/systemd/system", "work", "merged", "docker", "containerd"} {
		if err := os.MkdirAll(h.path(dir), 0o755); err != nil {
			return err
		}
	}
	// This kernel's modules are not in the host; the service would only fail.
	if err := os.Symlink("/dev/null", h.path("upper/etc/systemd/system/systemd-modules-load.service")); err != nil {
		return err
	}
	data, err := json.Marshal(meta{Release: h.Release, Root: h.root, Keep: keep})
	if err != nil {
		return err
	}
	for path, text := range map[string]string{
		"host.json":            string(data),
		"upper/etc/hostname":   h.Name + "\n",
		"upper/etc/hosts":      "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 " + h.Name + "\n",
		"upper/etc/machine-id": randomHex(16) + "\n", // without one every boot would be a first boot
	} {
		if err := os.WriteFile(h.path(path), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Down kills the host and removes every trace of it. It is safe to call twice.
func (h *Host) Down() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := killCgroup(ctx, h.Name); err != nil {
		return err
	}
	if err := removeCgroup(h.Name); err != nil {
		return fmt.Errorf("remove control groups of host %s: %w", h.Name, err)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		return err
	}
	if h.owner != nil {
		return h.owner.Close()
	}
	return nil
}

// Running tells whether any process of the host is alive.
func (h *Host) Running() bool { return populated(h.Name) }

// List returns every host on this machine, running or not.
func List() []*Host {
	var hosts []*Host
	for _, name := range names() {
		if h, err := Attach(name); err == nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Sweep removes the hosts whose owning process is gone, and tells log which.
func Sweep(log io.Writer) error {
	var errs []error
	for _, name := range names() {
		if m, err := readMeta(name); err == nil && m.Keep {
			continue
		}
		h := &Host{Name: name, dir: hostDir(name)}
		h.owner = flock.New(h.path("owner"), flock.SetFlag(os.O_RDWR)) // and does not make one
		free, err := h.owner.TryLock()
		if err != nil || !free {
			continue // has an owner, or is being created or removed right now
		}
		fmt.Fprintf(log, "host: removing %s, left over from a run that was killed\n", name)
		errs = append(errs, h.Down())
	}
	return errors.Join(errs...)
}

func (h *Host) path(name string) string { return filepath.Join(h.dir, name) }

func hostDir(name string) string { return filepath.Join(CacheDir(), "run", name) }

func names() []string {
	entries, _ := os.ReadDir(filepath.Join(CacheDir(), "run"))
	var out []string
	for _, e := range entries {
		if validName.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

func readMeta(name string) (meta, error) {
	var m meta
	if !validName.MatchString(name) {
		return m, errors.New("not a host name")
	}
	data, err := os.ReadFile(filepath.Join(hostDir(name), "host.json"))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(data, &m)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

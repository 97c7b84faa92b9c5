package check

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/nginx"
	"edgeman/deployer/poll"
	"edgeman/nginxconf"
)

// Env is everything outside the process. A nil function or interface means that
// this source does not exist here, which is not an error: what could not be seen
// because of it is said once, as check-blind.
type Env struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) bool // false: cut off
	FS    FS
	Euid  int
	Host  string
	// Roots are the certificate authorities that visitors trust.
	Roots func() (*x509.CertPool, error)
	// Dial opens a connection to this host itself; never to another.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Nginx Nginx
	// CanConnect says whether nginx's workers may connect to a socket, without
	// connecting.
	CanConnect func(f nginx.Facts, path string) error
	// Remove takes away the empty pid file that nginx -t leaves behind where there
	// was none.
	Remove func(path string) error

	Units  Units
	Docker Docker
	// Tail reads the last bytes of a log.
	Tail func(path string, size int) ([]byte, error)
	// Prefix is where nginx's relative log paths start, ErrorLog the compiled-in
	// path of its log; both may be empty.
	Prefix, ErrorLog string
	// Certbot is certbot's configuration directory.
	Certbot string
	// Apps are the adopted apps as edgeman's own records describe them; see
	// Records for its errors.
	Apps func() ([]app, error)
	// FreeSpace is what is left on the filesystem of path.
	FreeSpace func(path string) (space, error)
	// ClockSynced is the kernel's word on whether something keeps its clock right.
	ClockSynced func() (bool, error)
}

// FS reads files by absolute path: what nginxconf needs, and what the rules ask
// about owners, modes and links.
type FS interface {
	nginxconf.FS
	ReadDir(path string) ([]fs.DirEntry, error)
	Stat(path string) (fs.FileInfo, error)
	Lstat(path string) (fs.FileInfo, error)
	Readlink(path string) (string, error)
}

// space is the room on a filesystem, in bytes.
type space struct{ Free, Total uint64 }

// Nginx is the web server of this host; *nginx.Server implements it.
type Nginx interface {
	Facts(ctx context.Context) (nginx.Facts, error)
	// Test runs nginx -t. A refused configuration is a *nginx.ConfigError.
	Test(ctx context.Context) ([]nginx.Message, error)
}

// Units asks systemd.
type Units interface {
	// Unit describes one unit; one that does not exist has Load "not-found".
	Unit(ctx context.Context, name string) (Unit, error)
}

// Unit is the state of a systemd unit, in systemd's own words.
type Unit struct {
	Name      string
	Load      string    // loaded, not-found, masked, bad-setting
	Active    string    // active, inactive, failed, activating
	Result    string    // success, exit-code, start-limit-hit
	FileState string    // enabled, disabled, static
	Reload    bool      // NeedDaemonReload
	LastRun   time.Time // timers: when it last elapsed
	NextRun   time.Time // timers: when it elapses next; zero if never
}

// Docker asks the container engine.
type Docker interface {
	Containers(ctx context.Context) ([]Container, error)
	// HasImage says whether the image with that id is there.
	HasImage(ctx context.Context, id string) (bool, error)
}

// Container is what the rules need to know of one container.
type Container struct {
	ID, Name, Image, ImageID string
	Running                  bool
	ExitCode                 int
	Health                   string // "", starting, healthy, unhealthy
	FailingStreak            int
	HealthOutput             string // the last probe's output
	Labels                   map[string]string
	Published                []string // host addresses it is published at, ip:port
	Paused                   bool
	Adrift                   string   // why it is cut off from the network that it has joined
	Writes                   []string // the volumes and paths of the host that it may write to
}

// Local is the Env of this host, without what the caller has to open: nginx,
// systemd, Docker and edgeman's records.
func Local() Env {
	host, _ := os.Hostname()
	return Env{
		Now: time.Now, Sleep: poll.Sleep, FS: osFiles{}, Euid: os.Geteuid(), Host: host,
		Roots: x509.SystemCertPool, Dial: (&net.Dialer{}).DialContext,
		CanConnect: nginx.Facts.WorkerCanConnect, Remove: os.Remove,
		Certbot: letsencrypt,
		Tail:    tail, FreeSpace: freeSpace, ClockSynced: clockSynced,
	}
}

// osFiles is the file system of this host.
type osFiles struct{ nginx.OSFiles }

func (osFiles) ReadDir(p string) ([]fs.DirEntry, error) { return os.ReadDir(p) }
func (osFiles) Stat(p string) (fs.FileInfo, error)      { return os.Stat(p) }
func (osFiles) Lstat(p string) (fs.FileInfo, error)     { return os.Lstat(p) }
func (osFiles) Readlink(p string) (string, error)       { return os.Readlink(p) }

// tail reads the last bytes of a file.
func tail(path string, size int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(-int64(size), io.SeekEnd); err != nil && !errors.Is(err, unix.EINVAL) {
		return nil, err // EINVAL: the file is shorter than that
	}
	return io.ReadAll(io.LimitReader(f, int64(size)))
}

func freeSpace(path string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return space{}, err
	}
	block := uint64(st.Bsize)
	return space{Free: st.Bavail * block, Total: st.Blocks * block}, nil
}

// clockSynced asks the kernel and sets nothing (adjtimex(2) with no modes). A
// container's clock is its host's business.
func clockSynced() (bool, error) {
	for _, mark := range []string{"/run/systemd/container", "/.dockerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return false, errors.New("this is a container")
		}
	}
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, err
	}
	const unsynced = 0x40 // STA_UNSYNC
	return t.Status&unsynced == 0, nil
}

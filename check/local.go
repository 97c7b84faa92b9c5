package check

import (
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
)

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

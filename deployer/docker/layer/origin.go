package layer

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sys/unix"

	"edgeman/deployer/docker/inspect"
)

// origin tells what was in a container's own layer before its app could write.
type origin struct {
	created time.Time
	started time.Time // for the first time; zero when that cannot be found out
	upper   string    // where the layer lies on the host, if it lies in one place
	clock   Clock
}

// Clock tells the times of files on the host.
type Clock struct {
	// Born is when a file was made, zero where the file system does not tell;
	// Changed when anything of the file name below root last changed.
	Born    func(path string) (time.Time, error)
	Changed func(root, name string) (time.Time, error)
}

// HostClock reads them from this host's file systems.
func HostClock() Clock { return Clock{born, changed} }

// soon is how long after its creation a container is started. Beyond that the
// times on the host's disk are not the container's own: the disk was copied.
const soon = 24 * time.Hour

func originOf(in container.InspectResponse, times Clock) origin {
	o := origin{created: inspect.ParseTime(in.Created), clock: times}
	if in.GraphDriver.Name == "overlay2" {
		o.upper = in.GraphDriver.Data["UpperDir"]
	}
	// The daemon makes this file when a container is first started, and writes
	// into it at each start after that. A container that runs in another's
	// network namespace shows the other's.
	if strings.Contains(in.HostnamePath, in.ID) {
		o.started, _ = times.Born(in.HostnamePath)
	}
	if o.started.IsZero() && inspect.ParseTime(in.State.FinishedAt).IsZero() {
		o.started = inspect.ParseTime(in.State.StartedAt)
	}
	if o.started.Sub(o.created) > soon {
		o.started = time.Time{}
	}
	return o
}

// put tells whether a file whose contents are of mtime was there before the
// container's first start: nothing of it has changed since, not even its owner,
// or its contents were written between creation and start.
func (o origin) put(name string, mtime time.Time) bool {
	if o.started.IsZero() {
		return false
	}
	if o.upper != "" {
		if changed, err := o.clock.Changed(o.upper, name); err == nil && !changed.After(o.started) {
			return true
		}
	}
	return !mtime.Before(o.created.Add(-time.Second)) && !mtime.After(o.started)
}

// born is when a file was made, as the file system remembers it.
func born(path string) (time.Time, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, err
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)), nil
}

// changed is when anything of the file name below root last changed. The app may
// have put links there: none leads out of root.
func changed(root, name string) (time.Time, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return time.Time{}, err
	}
	defer dir.Close()
	fi, err := dir.Lstat(strings.TrimPrefix(name, "/"))
	if err != nil {
		return time.Time{}, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, errors.ErrUnsupported
	}
	return time.Unix(st.Ctim.Sec, st.Ctim.Nsec), nil
}

package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// AccessError says why a worker cannot connect to a socket.
type AccessError struct {
	Socket  string // as it was asked for
	Blocker string // the directory, link or socket that stands in the way
	Reason  string
	hint    string
}

func (e *AccessError) Error() string {
	if e.Blocker == e.Socket {
		return fmt.Sprintf("nginx's workers cannot connect to %s: %s", e.Socket, e.Reason)
	}
	return fmt.Sprintf("nginx's workers cannot connect to %s: %s: %s", e.Socket, e.Blocker, e.Reason)
}

// Hint says what to do next.
func (e *AccessError) Hint() string { return e.hint }

// LookupIdentity resolves the arguments of the user directive as nginx does
// for its workers; an empty group is the user's name again (nginx:
// ngx_set_user).
func LookupIdentity(userName, groupName string) (Identity, error) {
	u, err := user.Lookup(userName)
	if err != nil {
		return Identity{}, fmt.Errorf("looking up nginx's user: %w", err)
	}
	if groupName == "" {
		groupName = userName
	}
	g, err := user.LookupGroup(groupName)
	if err != nil {
		return Identity{}, fmt.Errorf("looking up nginx's group: %w", err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return Identity{}, fmt.Errorf("looking up the groups of %s: %w", userName, err)
	}
	id := Identity{UID: parseID(u.Uid), GID: parseID(g.Gid)}
	for _, s := range groups {
		id.Groups = append(id.Groups, parseID(s))
	}
	return id, nil
}

// WorkerCanConnect says whether the workers may connect to a Unix socket, by
// computation alone: nothing connects, since a connection can start things.
// Every directory on the way must be searchable and the socket writable for
// the workers' user, POSIX ACLs included. If nginx runs, the path is read as
// its workers see it, so what PrivateTmp= or ProtectHome= hide is found. The
// error is an *AccessError when the answer is no, and os.ErrProcessDone when
// the facts are older than the last reload and every worker in them is gone.
func (f Facts) WorkerCanConnect(path string) error {
	a := access{socket: path, id: f.Identity, lstat: lstatAcl}
	var err error
	asked := false
	for _, w := range f.Workers {
		if !current(w) {
			continue
		}
		a.root, asked = filepath.Join("/proc", strconv.Itoa(w.PID), "root"), true
		if err = a.check(); !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	if asked {
		return err
	}
	return a.check()
}

// CanConnect is Facts.WorkerCanConnect for an identity, as this process sees
// the path.
func (id Identity) CanConnect(path string) error {
	a := access{socket: path, id: id, lstat: lstatAcl}
	return a.check()
}

// access walks one path.
type access struct {
	socket string
	root   string // where the workers' view of the filesystem begins
	id     Identity
	lstat  func(path string) (node, error)
}

// node is what permissions depend on.
type node struct {
	mode     fs.FileMode
	uid, gid uint32
	dev, ino uint64
	acl      acl // nil without one
	link     string
}

const maxLinks = 40 // the kernel's own limit (path_resolution(7))

func (a access) check() error {
	if !filepath.IsAbs(a.socket) {
		return a.no(a.socket, "not an absolute path", "")
	}
	rest := split(a.socket)
	at, links := "/", 0
	for {
		n, err := a.lstat(a.root + at)
		if err != nil {
			return a.missing(at, err)
		}
		switch {
		case n.mode&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return a.no(at, "too many symlinks", "")
			}
			rest = append(split(n.link), rest...)
			if at = filepath.Dir(at); filepath.IsAbs(n.link) {
				at = "/"
			}
			continue
		case len(rest) == 0:
			return a.final(at, n)
		case !n.mode.IsDir():
			return a.no(at, "not a directory", "")
		case !a.id.may(n, search):
			return a.no(at, fmt.Sprintf("%s may not search this directory (%s, owner %d:%d)", a.id, n.mode, n.uid, n.gid), "allow it with: chmod o+x "+at)
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

// split returns the components of a path; ".." stays, since filepath.Join
// only ever sees it after links in front of it were followed.
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func (a access) final(at string, n node) error {
	if n.mode&fs.ModeSocket == 0 {
		return a.no(at, "not a socket", "")
	}
	if !a.id.may(n, write) {
		return a.no(at, fmt.Sprintf("%s may not write to this socket (%s, owner %d:%d)", a.id, n.mode, n.uid, n.gid), "its unit sets owner and mode: SocketUser=, SocketGroup=, SocketMode=")
	}
	if a.root == "" {
		return nil
	}
	if ours, err := a.lstat(at); err == nil && (ours.dev != n.dev || ours.ino != n.ino) {
		return a.no(at, "nginx sees another socket at this path than this process does", sandboxHint)
	}
	return nil
}

const sandboxHint = "look for PrivateTmp=, ProtectHome= and other mounts with: systemctl cat nginx.service"

// missing tells a path that does not exist from one that only nginx cannot see.
func (a access) missing(at string, err error) error {
	if a.root != "" && ended(a.root) {
		return fmt.Errorf("checking whether nginx's workers can connect to %s: the worker has ended: %w", a.socket, os.ErrProcessDone)
	}
	if errors.Is(err, fs.ErrNotExist) && a.root != "" {
		if _, err := a.lstat(at); err == nil {
			return a.no(at, "exists, but is hidden from nginx", sandboxHint)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return a.no(at, "does not exist", "")
	}
	return fmt.Errorf("checking whether nginx's workers can connect to %s: %w", a.socket, err)
}

// ended reports whether the process behind /proc/PID/root is gone. The link is
// followed: that of a process which waits to be reaped is still there, and
// leads nowhere.
func ended(root string) bool {
	_, err := os.Stat(root)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

func (a access) no(blocker, reason, hint string) error {
	return &AccessError{Socket: a.socket, Blocker: blocker, Reason: reason, hint: hint}
}

// Permission bits as in a mode's lowest three.
const (
	search = 1
	write  = 2
)

// may follows path_resolution(7) and acl(5): exactly one class decides, and
// user 0 is never refused, as search on a directory and write need no bit.
func (id Identity) may(n node, want uint16) bool {
	if id.UID == 0 {
		return true
	}
	if n.acl != nil {
		return n.acl.allows(id, n.uid, n.gid, want)
	}
	bits := uint16(n.mode.Perm())
	switch {
	case id.UID == n.uid:
		bits >>= 6
	case id.in(n.gid):
		bits >>= 3
	}
	return bits&want == want
}

func (id Identity) in(gid uint32) bool {
	return id.GID == gid || slices.Contains(id.Groups, gid)
}

func lstatAcl(path string) (node, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return node{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return node{}, err
	}
	n := node{mode: info.Mode(), uid: st.Uid, gid: st.Gid, dev: st.Dev, ino: st.Ino}
	if info.Mode()&fs.ModeSymlink != 0 {
		n.link, err = os.Readlink(path)
		return n, err
	}
	n.acl, err = readACL(path)
	return n, err
}

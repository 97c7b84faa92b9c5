package nginx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Parts of the kernel's form of an ACL (linux/posix_acl_xattr.h).
const (
	noID        = ^uint32(0)
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
)

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// aclBytes writes the kernel's form of an ACL.
func aclBytes(entries ...aclEntry) []byte {
	raw := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		raw = binary.LittleEndian.AppendUint16(raw, e.tag)
		raw = binary.LittleEndian.AppendUint16(raw, e.perm)
		raw = binary.LittleEndian.AppendUint32(raw, e.id)
	}
	return raw
}

// node is a file of a test's tree.
type node struct {
	mode     fs.FileMode
	uid, gid int
	link     string
}

func dir(mode fs.FileMode, uid, gid int) node {
	return node{mode: fs.ModeDir | mode, uid: uid, gid: gid}
}

func sock(mode fs.FileMode, uid, gid int) node {
	return node{mode: fs.ModeSocket | mode, uid: uid, gid: gid}
}

func link(to string) node { return node{mode: fs.ModeSymlink | 0o777, link: to} }

// grow makes the files below a root directory, parents first.
func grow(t *testing.T, root string, nodes map[string]node) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n, path := nodes[name], root+name
		switch n.mode.Type() {
		case fs.ModeDir:
			if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
				must(t, err)
			}
		case fs.ModeSymlink:
			must(t, os.Symlink(n.link, path))
			must(t, os.Lchown(path, n.uid, n.gid))
			continue
		case fs.ModeSocket:
			must(t, unix.Mknod(path, unix.S_IFSOCK|0o600, 0))
		default:
			must(t, os.WriteFile(path, nil, 0o600))
		}
		must(t, os.Chown(path, n.uid, n.gid))
		must(t, os.Chmod(path, n.mode.Perm()|n.mode&fs.ModeSticky))
	}
}

func TestAccess(t *testing.T) {
	needRoot(t)
	www := Identity{UID: 33, GID: 33, Groups: []uint32{33, 50}}
	base := map[string]node{
		"/": dir(0o755, 0, 0), "/run": dir(0o755, 0, 0), "/run/edgeman": dir(0o755, 0, 0),
		"/run/edgeman/app:blue.sock": sock(0o660, 0, 33),
		"/var":                       dir(0o755, 0, 0), "/var/live.sock": link("/run/edgeman/app:blue.sock"),
	}
	for _, tt := range []struct {
		name    string
		path    string
		id      Identity
		change  map[string]node
		blocker string // empty: it can connect
		reason  string
	}{
		{name: "group", path: "/run/edgeman/app:blue.sock", id: www},
		{name: "through the live link", path: "/var/live.sock", id: www},
		{name: "second group", path: "/var/live.sock", id: www, change: map[string]node{"/run/edgeman/app:blue.sock": sock(0o660, 0, 50)}},
		{name: "other", path: "/var/live.sock", id: www, change: map[string]node{"/run/edgeman/app:blue.sock": sock(0o662, 0, 0)}},
		{name: "root needs no bit", path: "/var/live.sock", change: map[string]node{"/run": dir(0, 5, 5), "/run/edgeman/app:blue.sock": sock(0, 5, 5)}},
		{name: "relative link with dots", path: "/var/rel", id: www, change: map[string]node{"/var/rel": link("../run/./edgeman/app:blue.sock")}},
		{name: "socket of another group", path: "/var/live.sock", id: www, change: map[string]node{"/run/edgeman/app:blue.sock": sock(0o660, 0, 4)}, blocker: "/run/edgeman/app:blue.sock", reason: "may not write"},
		{name: "owner class decides alone", path: "/var/live.sock", id: www, change: map[string]node{"/run/edgeman/app:blue.sock": sock(0o077, 33, 33)}, blocker: "/run/edgeman/app:blue.sock", reason: "may not write"},
		{name: "group class decides alone", path: "/var/live.sock", id: www, change: map[string]node{"/run/edgeman": dir(0o701, 0, 50)}, blocker: "/run/edgeman", reason: "may not search"},
		{name: "directory of the target", path: "/var/live.sock", id: www, change: map[string]node{"/run": dir(0o750, 0, 0)}, blocker: "/run", reason: "may not search"},
		{name: "directory of the link", path: "/var/live.sock", id: www, change: map[string]node{"/var": dir(0o700, 0, 0)}, blocker: "/var", reason: "may not search"},
		{name: "missing", path: "/var/no.sock", id: www, blocker: "/var/no.sock", reason: "does not exist"},
		{name: "dangling", path: "/var/l", id: www, change: map[string]node{"/var/l": link("/run/gone")}, blocker: "/run/gone", reason: "does not exist"},
		{name: "not a socket", path: "/var/f", id: www, change: map[string]node{"/var/f": {mode: 0o666}}, blocker: "/var/f", reason: "not a socket"},
		{name: "file on the way", path: "/var/f/x", id: www, change: map[string]node{"/var/f": {mode: 0o777}}, blocker: "/var/f", reason: "not a directory"},
		{name: "loop", path: "/var/a", id: www, change: map[string]node{"/var/a": link("b"), "/var/b": link("a")}, reason: "too many symlinks", blocker: "/var/a"},
		{name: "link of somebody else's where all may write", path: "/tmp/l", id: www, change: map[string]node{"/tmp": dir(0o777|fs.ModeSticky, 0, 0), "/tmp/l": {mode: fs.ModeSymlink, uid: 4001, link: "/run/edgeman/app:blue.sock"}}, blocker: "/tmp/l", reason: "may not follow"},
		{name: "relative", path: "live.sock", id: www, blocker: "live.sock", reason: "absolute"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := publicDir(t)
			tree := maps.Clone(base)
			maps.Copy(tree, tt.change)
			grow(t, root, tree)
			err := tt.id.canConnect(tt.path, root)
			if tt.blocker == "" {
				must(t, err)
				return
			}
			var denied *AccessError
			if !errors.As(err, &denied) || denied.Blocker != tt.blocker {
				t.Fatalf("got %v", err)
			}
			contains(t, denied.Reason, tt.reason)
		})
	}
}

// The kernel is the judge: a child with the identity asks access(2) for what
// the computation predicts, over all modes and some ACLs.
func TestAccessAgreesWithTheKernel(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/usr/bin/test"); err != nil {
		t.Skip("SKIPPED: needs /usr/bin/test")
	}
	top := publicDir(t)
	sub := filepath.Join(top, "sub")
	must(t, os.Mkdir(sub, 0o755))
	path := filepath.Join(sub, "s")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	id := Identity{UID: 4001, GID: 4002, Groups: []uint32{4003}}
	owners := [][2]int{{4001, 0}, {0, 4002}, {0, 4003}, {0, 0}}
	lists := [][]byte{
		nil,
		aclBytes(aclEntry{aclUserObj, 7, noID}, aclEntry{aclUser, 7, 4001}, aclEntry{aclGroupObj, 0, noID}, aclEntry{aclMask, 7, noID}, aclEntry{aclOther, 0, noID}),
		aclBytes(aclEntry{aclUserObj, 0, noID}, aclEntry{aclUser, 7, 4001}, aclEntry{aclGroupObj, 0, noID}, aclEntry{aclMask, 1, noID}, aclEntry{aclOther, 7, noID}),
		aclBytes(aclEntry{aclUserObj, 7, noID}, aclEntry{aclGroupObj, 0, noID}, aclEntry{aclGroup, 3, 4003}, aclEntry{aclMask, 7, noID}, aclEntry{aclOther, 0, noID}),
		aclBytes(aclEntry{aclUserObj, 7, noID}, aclEntry{aclGroupObj, 7, noID}, aclEntry{aclGroup, 0, 4002}, aclEntry{aclMask, 7, noID}, aclEntry{aclOther, 7, noID}),
	}
	compared, allowed := 0, 0
	for _, place := range []string{sub, path} {
		for _, owner := range owners {
			for _, mode := range []os.FileMode{0o700, 0o070, 0o007, 0o660, 0o611, 0o755, 0o000} {
				for i, list := range lists {
					if i > 0 && mode != 0o700 {
						continue // an ACL replaces the mode
					}
					must(t, os.Chown(place, owner[0], owner[1]))
					must(t, unixChmod(place, mode))
					if list != nil {
						if err := unix.Setxattr(place, "system.posix_acl_access", list, 0); err != nil {
							t.Skipf("SKIPPED: no ACLs here: %v", err)
						}
					}
					want := kernelSays(id, path)
					got := id.canConnect(path, "/")
					if (got == nil) != want {
						t.Errorf("%s owner %v mode %o acl %d: computed %v, kernel %v", filepath.Base(place), owner, mode, i, got, want)
					}
					compared++
					if want {
						allowed++
					}
					if list != nil {
						must(t, unix.Removexattr(place, "system.posix_acl_access"))
					}
				}
			}
		}
		must(t, os.Chown(place, 0, 0))
		must(t, unixChmod(place, 0o777))
	}
	t.Logf("%d cases, %d allowed", compared, allowed)
	if allowed == 0 || allowed == compared {
		t.Error("one-sided cases prove nothing")
	}
}

func unixChmod(path string, mode os.FileMode) error { return unix.Chmod(path, uint32(mode)) }

func kernelSays(id Identity, path string) bool {
	cmd := exec.Command("/usr/bin/test", "-w", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id.UID, Gid: id.GID, Groups: id.Groups}}
	return cmd.Run() == nil
}

func TestWorkerCanConnect(t *testing.T) {
	n := start(t)
	path := n.path("x.sock")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	must(t, os.Chmod(path, 0o600))
	var denied *AccessError
	if err := n.facts().WorkerCanConnect(path); !errors.As(err, &denied) || denied.Blocker != path {
		t.Errorf("without permission: %v", err)
	}
	must(t, os.Chmod(path, 0o666))
	must(t, n.facts().WorkerCanConnect(path))
	old := n.facts()
	reloaded := old
	reloaded.Workers = append([]Worker{{Process: Process{PID: 1 << 30}}}, old.Workers...)
	must(t, reloaded.WorkerCanConnect(path)) // the next one is asked
	n.stop()
	if err := old.WorkerCanConnect(path); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("of a worker that ended: %v", err)
	}
}

// PrivateTmp= gives a service a /tmp of its own; here a tmpfs over one
// directory, in nginx's mount namespace only, stands for it.
func TestWorkerSeesAnotherDirectory(t *testing.T) {
	needNginx(t)
	hidden := publicDir(t)
	path := filepath.Join(hidden, "x.sock")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	must(t, os.Chmod(path, 0o666))
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skipf("SKIPPED: no mount namespaces here: %v", err)
	}
	n := start(t, "unshare", "-m", "--propagation", "private", "sh", "-c", `mount -t tmpfs none "$0" && exec "$@"`, hidden)
	err = n.facts().WorkerCanConnect(path)
	var denied *AccessError
	if !errors.As(err, &denied) || denied.Blocker != path {
		t.Fatalf("got %v", err)
	}
	contains(t, denied.Reason, "hidden from nginx")
	contains(t, denied.Hint(), "PrivateTmp=")

	worker := n.facts().Workers[0].PID
	must(t, os.Symlink(path, n.path("live.sock"))) // its target is read in nginx's view as well
	if err := n.facts().WorkerCanConnect(n.path("live.sock")); !errors.As(err, &denied) || denied.Blocker != path {
		t.Errorf("through a link: %v", err)
	}
	inside := exec.Command("nsenter", "-t", fmt.Sprint(worker), "-m", "mknod", path, "p")
	if out, err := inside.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := n.facts().WorkerCanConnect(path); !errors.As(err, &denied) || !strings.Contains(denied.Reason, "not a socket") {
		t.Errorf("another file there: %v", err)
	}
}

func TestWorkerSeesAnotherSocket(t *testing.T) {
	needRoot(t)
	dir := publicDir(t)
	path, view := filepath.Join(dir, "s"), filepath.Join(dir, "view")
	must(t, os.MkdirAll(filepath.Join(view, dir), 0o755))
	grow(t, "", map[string]node{path: sock(0o666, 0, 0), view + path: sock(0o666, 0, 0)})
	www := Identity{UID: 33, GID: 33}
	var denied *AccessError
	if err := www.canConnect(path, view); !errors.As(err, &denied) || !strings.Contains(denied.Reason, "another socket") {
		t.Errorf("got %v", err)
	}
	must(t, os.Remove(view+path))
	must(t, os.Link(path, view+path))
	must(t, www.canConnect(path, view))
}

// What is lent is lent to one thread, and ends with it.
func TestLendLeavesTheProgramAsItWas(t *testing.T) {
	needRoot(t)
	secret, root := filepath.Join(t.TempDir(), "secret"), publicDir(t)
	must(t, os.WriteFile(secret, nil, 0o600))
	const times = 20
	for range times {
		ready, asked := make(chan struct{}), make(chan struct{})
		go func() {
			<-ready
			if _, err := os.ReadFile(secret); err != nil {
				t.Errorf("another thread, in the middle of it: %v", err)
			}
			close(asked)
		}()
		must(t, Identity{UID: 4001, GID: 4002}.lend(root, func(root int) {
			close(ready)
			<-asked
			if entries, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d", root)); err != nil || len(entries) != 0 {
				t.Errorf("the root directory holds %v, %v", entries, err)
			}
			if groups, err := unix.Getgroups(); err != nil || len(groups) != 0 {
				t.Errorf("groups %v, %v", groups, err)
			}
		}))
	}
	_, err := os.ReadFile(secret)
	must(t, err)
}

package nginx

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	oldText = []byte("server 127.0.0.1:8080;\n")
	newText = []byte("server unix:/x.sock;\n")
	oldSum  = sha256.Sum256(oldText)
	newSum  = sha256.Sum256(newText)
)

// siteFile makes a file in a directory of its own and returns its path.
func siteFile(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(publicDir(t))
	must(t, err)
	path := filepath.Join(dir, "app")
	put(t, path, oldText)
	return path
}

// alone checks that a directory holds the named entries and nothing else.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if slices.Sort(names); !slices.Equal(got, names) {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

func TestReplaceAndBack(t *testing.T) {
	path := siteFile(t)
	link := path + ".link"
	must(t, os.Symlink("app", link))
	must(t, os.Chmod(path, 0o640))
	inode := look(t, path).Ino

	must(t, Replace(soon(t), link, oldSum, newText))
	if got := read(t, path); got != string(newText) {
		t.Fatalf("got %q", got)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", st, err)
	}
	if look(t, path).Ino == inode {
		t.Error("written in place")
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode: %v, %v", st.Mode(), err)
	}
	alone(t, filepath.Dir(path), "app", "app.link")

	inode = look(t, path).Ino
	must(t, Replace(soon(t), link, oldSum, newText)) // once more: a run that was killed comes back
	if look(t, path).Ino != inode {
		t.Error("replaced although the content was there")
	}
	must(t, Replace(soon(t), link, newSum, oldText))
	if got := read(t, path); got != string(oldText) {
		t.Fatalf("restored %q", got)
	}
}

func TestReplaceKeepsOwnerModeAndAttributes(t *testing.T) {
	needRoot(t)
	path := siteFile(t)
	must(t, os.Chown(path, 1234, 4321))
	must(t, os.Chmod(path, 0o2640))
	attrs := map[string]string{"user.note": "a\x00b", "trusted.tag": "x"}
	for name, value := range attrs {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			t.Skipf("SKIPPED: this filesystem keeps no %s: %v", name, err)
		}
	}
	acl := aclBytes(aclEntry{aclUserObj, 6, noID}, aclEntry{aclUser, 4, 33}, aclEntry{aclGroupObj, 0, noID}, aclEntry{aclMask, 4, noID}, aclEntry{aclOther, 0, noID})
	must(t, unix.Setxattr(path, "system.posix_acl_access", acl, 0))
	attrs["system.posix_acl_access"] = string(acl)
	var before, after syscall.Stat_t
	must(t, syscall.Stat(path, &before))

	must(t, Replace(soon(t), path, oldSum, newText))
	must(t, syscall.Stat(path, &after))
	if after.Uid != 1234 || after.Gid != 4321 || after.Mode != before.Mode {
		t.Errorf("owner %d:%d, mode %o, was %o", after.Uid, after.Gid, after.Mode, before.Mode)
	}
	for name, want := range attrs {
		buf := make([]byte, 256)
		n, err := unix.Getxattr(path, name, buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("%s: %q, %v; want %q", name, buf[:max(n, 0)], err, want)
		}
	}
}

func TestReplaceTakesNothingFromADefaultACL(t *testing.T) {
	needRoot(t)
	path := siteFile(t)
	must(t, os.Chmod(path, 0o600))
	acl := aclBytes(aclEntry{aclUserObj, 7, noID}, aclEntry{aclUser, 7, 33}, aclEntry{aclGroupObj, 7, noID}, aclEntry{aclMask, 7, noID}, aclEntry{aclOther, 5, noID})
	if err := unix.Setxattr(filepath.Dir(path), "system.posix_acl_default", acl, 0); err != nil {
		t.Skipf("SKIPPED: no ACLs on this filesystem: %v", err)
	}
	must(t, Replace(soon(t), path, oldSum, newText))
	if n, err := unix.Lgetxattr(path, "system.posix_acl_access", nil); !errors.Is(err, unix.ENODATA) {
		t.Errorf("got an ACL of %d bytes, %v", n, err)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
}

func TestReplaceRefusesAChangedFile(t *testing.T) {
	path := siteFile(t)
	put(t, path, []byte("somebody's edit\n"))
	before := look(t, path)
	if err := Replace(soon(t), path, oldSum, newText); !errors.Is(err, errChanged) {
		t.Fatalf("got %v", err)
	}
	if look(t, path) != before {
		t.Error("touched")
	}
	must(t, os.Remove(path))
	if err := Replace(soon(t), path, newSum, oldText); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	alone(t, filepath.Dir(path))
}

// A write that lands between reading and renaming must not be lost.
func TestReplaceSeesALateWrite(t *testing.T) {
	for name, late := range map[string]func(path string){
		"written": func(path string) { put(t, path, []byte("a late edit of a size of its own\n")) },
		"renamed": func(path string) {
			put(t, path+"~", oldText)
			must(t, os.Rename(path+"~", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := siteFile(t)
			dir, err := os.Open(filepath.Dir(path))
			must(t, err)
			defer dir.Close()
			r := replacement{dir: dir, path: path, base: "app", before: oldSum, after: newText}
			f, err := os.Open(path)
			must(t, err)
			defer f.Close()
			st, err := r.check(f)
			must(t, err)
			must(t, r.write(".app.edgeman", f, st))
			late(path)
			if err := r.rename(".app.edgeman", st); !errors.Is(err, errChanged) {
				t.Fatalf("got %v", err)
			}
			if read(t, path) == string(newText) {
				t.Error("the late edit is lost")
			}
		})
	}
}

func TestReplaceRefuses(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name, reason string
		prepare      func(t *testing.T, path string)
	}{
		{"hard links", "has 2 hard links", func(t *testing.T, path string) { must(t, os.Link(path, path+".other")) }},
		{"directory", "not a regular file", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o755))
		}},
		{"pipe", "not a regular file", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, unix.Mkfifo(path, 0o644))
		}},
		{"open to everybody", "can be written by every user", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o646)) }},
		{"directory open to everybody", "directory where every user can write", func(t *testing.T, path string) {
			must(t, os.Chmod(filepath.Dir(path), 0o1777))
		}},
		{"bind mount", "is a mount point", func(t *testing.T, path string) {
			put(t, path+".source", oldText)
			if err := unix.Mount(path+".source", path, "", unix.MS_BIND, ""); err != nil {
				t.Skipf("SKIPPED: no bind mounts here: %v", err)
			}
			t.Cleanup(func() { must(t, unix.Unmount(path, 0)) })
		}},
		{"immutable", "immutable", func(t *testing.T, path string) {
			setFlags(t, path, 0x10) // FS_IMMUTABLE_FL
			t.Cleanup(func() { setFlags(t, path, 0) })
		}},
		{"immutable directory", "in a directory that is marked immutable", func(t *testing.T, path string) {
			setFlags(t, filepath.Dir(path), 0x10)
			t.Cleanup(func() { setFlags(t, filepath.Dir(path), 0) })
		}},
		{"read-only mount", "mounted read-only", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
				t.Skipf("SKIPPED: no bind mounts here: %v", err)
			}
			t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
			must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := siteFile(t)
			must(t, Replaceable(path))
			tt.prepare(t, path)
			if before := new(fileRefusal); !errors.As(Replaceable(path), &before) {
				t.Errorf("not found beforehand")
			}
			err := Replace(soon(t), path, oldSum, newText)
			var refused *fileRefusal
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			contains(t, refused.Reason, tt.reason)
			if refused.Path != path {
				t.Errorf("path %q", refused.Path)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(path), ".app.edgeman")); err == nil {
				t.Error("left a temporary file")
			}
		})
	}
}

func setFlags(t *testing.T, path string, flags int) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		t.Skipf("SKIPPED: no file flags here: %v", err)
	}
}

func TestReplaceClearsALeftover(t *testing.T) {
	path := siteFile(t)
	put(t, filepath.Join(filepath.Dir(path), ".app.edgeman"), []byte("half"))
	must(t, Replace(soon(t), path, oldSum, newText))
	alone(t, filepath.Dir(path), "app")
}

func TestReplaceWaitsForItsTurn(t *testing.T) {
	path := siteFile(t)
	held, err := lockDir(soon(t), filepath.Dir(path))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Replace(ctx, path, oldSum, newText); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	held.Close()
	must(t, Replace(soon(t), path, oldSum, newText))
}

func TestReplaceFromManySides(t *testing.T) {
	path := siteFile(t)
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			mine := strings.Repeat("x", i+1)
			switch err := Replace(soon(t), path, oldSum, []byte(mine)); {
			case err == nil:
				won <- mine
			case !errors.Is(err, errChanged):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(won)
	first := <-won
	if extra, ok := <-won; ok || read(t, path) != first {
		t.Errorf("%q and %q won, the file holds %q", first, extra, read(t, path))
	}
}

// A full-size rehearsal: the site of a running nginx is replaced, loaded,
// restored and loaded again.
func TestReplaceUnderNginx(t *testing.T) {
	n := start(t)
	was, will := site(n.port, "v1"), site(n.port, "v2")
	must(t, Replace(soon(t), n.path("sites-enabled/app"), sha256.Sum256(was), will))
	_, err := n.server.Reload(soon(t))
	must(t, err)
	n.answers("v2")
	must(t, Replace(soon(t), n.path("sites-enabled/app"), sha256.Sum256(will), was))
	_, err = n.server.Reload(soon(t))
	must(t, err)
	n.answers("v1")
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// How the parts work together is tested with the other side, in package
// sockets.

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o644, "b/tool": 0o755, "a/plain": 0o644} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	path := dir + "/a:" + dir + "/b"
	for _, c := range []struct {
		program, path, want string
		err                 error
	}{
		{"tool", path, dir + "/b/tool", nil},
		{"plain", path, "", syscall.EACCES},
		{"nothing", path, "", errNotInPath},
		{"sh", "", "/usr/bin/sh", nil},
		{dir + "/b/tool", "", dir + "/b/tool", nil},
		{dir + "/b/none", path, dir + "/b/none", syscall.ENOENT},
		{dir + "/b", path, dir + "/b", syscall.EACCES},
	} {
		if got, err := find(c.program, c.path); got != c.want || err != c.err {
			t.Errorf("%q in %q: got %q, %v; want %q, %v", c.program, c.path, got, err, c.want, c.err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "LISTEN_PID=9", "B", "LISTEN_FDS=2", "LISTEN_FDNAMES=x:y", "LISTEN_FDSX=1"}, 7, []string{"8069", "8072"})
	want := []string{"A=1", "B", "LISTEN_FDSX=1", "LISTEN_FDS=2", "LISTEN_PID=7", "LISTEN_FDNAMES=8069:8072"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParse(t *testing.T) {
	inodes, names, err := parse("edgeman 2 4711 8069 12 8072\n")
	if !slices.Equal(inodes, []uint64{4711, 12}) || !slices.Equal(names, []string{"8069", "8072"}) || err != nil {
		t.Errorf("got %d, %q, %v", inodes, names, err)
	}
	for _, bad := range []string{
		"", "edgeman", "edgeman 1 4711 slot\n", "edgeman 2 x 80\n", "edgeman 2 4711 \n", "edgeman 2 4711 a:b\n", "edgeman 2 4711 80 more\n", "edgeman 2\n",
	} {
		if _, _, err := parse(bad); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

// Only the announced listening socket passes.
func TestCheck(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	if err := syscall.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	if err := check(listener, inode(t, listener)); err != nil {
		t.Errorf("the announced listener: %v", err)
	}
	if err := check(listener, inode(t, listener)+1); err == nil {
		t.Error("another listener was accepted")
	}
	if err := check(pair[0], inode(t, pair[0])); err == nil || !strings.Contains(err.Error(), "not a listening") {
		t.Errorf("a connected socket: %v", err)
	}
	if err := check(0, inode(t, 0)); err == nil {
		t.Error("standard input was accepted")
	}
}

func inode(t *testing.T, fd int) uint64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

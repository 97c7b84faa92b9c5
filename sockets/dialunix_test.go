package sockets

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := DialUnix(path); !errors.Is(err, unix.ENOENT) {
		t.Errorf("nobody listens: %v", err)
	}
	l, err := Listen(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 { // the kernel takes one more
		c, err := DialUnix(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := DialUnix(path); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("the queue is full: %v", err)
	}
}

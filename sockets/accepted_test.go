package sockets

import (
	"context"
	"net"
	"path/filepath"
	"testing"
)

func TestAccepted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := Accepted(c); got || err != nil {
		t.Errorf("while it is queued: %v, %v", got, err)
	}
	server, err := l.Accept(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if got, err := Accepted(c); !got || err != nil {
		t.Errorf("once it is accepted: %v, %v", got, err)
	}
}

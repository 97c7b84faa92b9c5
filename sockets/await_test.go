package sockets

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAwaitConnection(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.AwaitConnection(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nobody there: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- l.AwaitConnection(t.Context()) }()
	dial(t, l)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := l.AwaitConnection(t.Context()); err != nil { // it is still there
		t.Error(err)
	}
	if n, err := l.Pending(); n != 1 || err != nil {
		t.Errorf("%d connections in the queue, %v", n, err)
	}
}

func TestAwaitDeath(t *testing.T) {
	for _, how := range []int{unix.SHUT_RD, unix.SHUT_RDWR} {
		l := listen(t)
		done := make(chan error, 1)
		go func() { done <- l.AwaitDeath(t.Context()) }()
		dial(t, l)
		select {
		case err := <-done:
			t.Fatalf("a connection ended the wait: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		if err := l.control("shutdown", func(fd int) error { return unix.Shutdown(fd, how) }); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(limit):
			t.Errorf("shutdown %d was not noticed", how)
		}
		if err := l.AwaitDeath(t.Context()); err != nil { // nor is it forgotten
			t.Error(err)
		}
	}
}

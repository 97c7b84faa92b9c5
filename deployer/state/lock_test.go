package state

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if var_ := os.Getenv("EDGEMAN_TEST_HOLD"); var_ != "" {
		hold(Paths{Var: var_})
	}
	os.Exit(m.Run())
}

// hold is the test binary as another command: it takes the lock and dies with it.
func hold(p Paths) {
	if _, err := p.TakeLock(context.Background(), "myapp", "swap", time.Second); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	time.Sleep(10 * time.Minute) // killed long before
}

func TestLockDiesWithItsHolder(t *testing.T) {
	p := testPaths(t)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "EDGEMAN_TEST_HOLD="+p.Var)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}

	holder, held, err := p.LockHolder("myapp")
	if err != nil || !held || holder.PID != other.Process.Pid || holder.Operation != "swap" {
		t.Errorf("holder %+v, %v, %v; want pid %d", holder, held, err, other.Process.Pid)
	}
	_, err = p.TakeLock(context.Background(), "myapp", "rollback", 10*time.Millisecond)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(other.Process.Pid)) {
		t.Errorf("a second command: %v; want ErrLocked with the holder's pid", err)
	}

	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	lock, err := p.TakeLock(context.Background(), "myapp", "rollback", time.Minute)
	if err != nil {
		t.Fatalf("after the holder's death: %v", err)
	}
	if err := lock.Candidate(blue); err != nil {
		t.Fatal(err)
	}
	if holder, held, err = p.LockHolder("myapp"); err != nil || !held || holder.Slot != "myapp:blue" || holder.PID != os.Getpid() {
		t.Errorf("holder %+v, %v, %v; want this process and its candidate", holder, held, err)
	}
	lock.Unlock()
	if _, held, err = p.LockHolder("myapp"); held || err != nil {
		t.Errorf("after unlocking: held %v, %v", held, err)
	}
}

func TestLockOutlastsAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a question takes as long as it says here, on a slow machine too
		p := testPaths(t)
		f, err := os.OpenFile(filepath.Join(p.App("myapp"), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); err != nil { // as LockHolder does
			t.Fatal(err)
		}
		time.AfterFunc(60*time.Millisecond, func() { f.Close() })
		lock, err := p.TakeLock(t.Context(), "myapp", "swap", 0)
		if err != nil {
			t.Fatal(err)
		}
		lock.Unlock()
	})
}

func TestLockSaysWhyItGaveUp(t *testing.T) {
	p := testPaths(t)
	lock, err := p.TakeLock(t.Context(), "myapp", "swap", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	stopped := errors.New("stopped by a signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	if _, err := p.TakeLock(ctx, "myapp", "rollback", time.Minute); !errors.Is(err, stopped) || errors.Is(err, ErrLocked) {
		t.Errorf("cancelled: %v, want the cause and not ErrLocked", err)
	}
}

func TestStateLockExcludes(t *testing.T) {
	p := testPaths(t)
	inside := make(chan struct{})
	leave := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- p.WithState(context.Background(), "myapp", func() error { close(inside); <-leave; return nil })
	}()
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := p.WithState(ctx, "myapp", func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second holder: %v, want to wait until its deadline", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := p.WithState(context.Background(), "myapp", func() error { return nil }); err != nil {
		t.Errorf("after it was freed: %v", err)
	}
}

// Whoever waits for an app that is released meanwhile must not work on another
// one of its name, beside the command that holds that one's lock.
func TestLockOfAnAppThatWasRemoved(t *testing.T) {
	for _, again := range []bool{false, true} {
		p := testPaths(t)
		release, err := p.TakeLock(t.Context(), "myapp", "unadopt", 0)
		if err != nil {
			t.Fatal(err)
		}
		waits := make(chan error)
		go func() {
			_, err := p.TakeLock(context.Background(), "myapp", "swap", time.Second)
			waits <- err
		}()
		time.Sleep(100 * time.Millisecond)
		want := ErrNoApp
		if err := p.RemoveApp("myapp"); err != nil {
			t.Fatal(err)
		}
		if again {
			want = ErrLocked
			if err := p.MakeApp("myapp"); err != nil {
				t.Fatal(err)
			}
			adopt, err := p.TakeLock(t.Context(), "myapp", "adopt", 0)
			if err != nil {
				t.Fatal(err)
			}
			defer adopt.Unlock()
		}
		release.Unlock()
		if err := <-waits; !errors.Is(err, want) {
			t.Errorf("adopted again %v: got %v, want %v", again, err, want)
		}
	}
}

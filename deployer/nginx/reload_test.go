package nginx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestReload(t *testing.T) {
	n := start(t)
	old := n.facts()
	if !old.Running || len(old.Workers) != 2 || old.Main != n.path("nginx.conf") || old.PidFile != n.path("nginx.pid") {
		t.Fatalf("facts: %+v", old)
	}
	want, err := user.Lookup("www-data")
	must(t, err)
	if id := old.Identity; id.UID != parseID(want.Uid) || id.GID != parseID(want.Gid) || id.UID == 0 {
		t.Errorf("identity %+v, want %+v", id, want)
	}
	if d := time.Since(old.Workers[0].Start); d < 0 || d > time.Minute {
		t.Errorf("a worker started %s ago", d)
	}

	put(t, n.path("sites-available/app"), site(n.port, "v2"))
	done, err := n.server.Reload(soon(t), n.path("error.log"))
	must(t, err)
	n.answers("v2")
	if len(done.Workers) != 2 {
		t.Errorf("got %+v", done)
	}
	for _, w := range done.Workers {
		if w.Ticks < old.Workers[1].Ticks || w.PID == old.Workers[0].PID || w.PID == old.Workers[1].PID {
			t.Errorf("worker %+v is not new", w)
		}
	}
	if now := n.facts(); now.Master != old.Master && now.Master.Ticks != old.Master.Ticks {
		t.Errorf("another master: %+v", now.Master)
	}
}

func TestReloadReportsLeavingWorkers(t *testing.T) {
	n := start(t)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n")) // a request that does not end
	must(t, err)
	eventually(t, "a worker has read it", func() bool { return hasRead(t, c) })
	done, err := n.server.Reload(soon(t))
	must(t, err)
	if len(done.Leaving) != 1 || !strings.HasPrefix(done.Leaving[0].Title, titleShutdown) {
		t.Fatalf("got %+v", done)
	}
	if f := n.facts(); len(f.Workers) != 3 {
		t.Errorf("workers: %+v", f.Workers)
	}
	_, err = c.Write([]byte("\r\n"))
	must(t, err)
	answer := make([]byte, 15)
	_, err = c.Read(answer)
	must(t, err)
	contains(t, string(answer), "HTTP/1.1 200")
}

// hasRead tells whether the server has accepted a connection over loopback, which
// gives its end an inode, and read all that came.
func hasRead(t *testing.T, client net.Conn) bool {
	t.Helper()
	at := func(a net.Addr) string { return fmt.Sprintf("0100007F:%04X", a.(*net.TCPAddr).Port) }
	here, there := at(client.LocalAddr()), at(client.RemoteAddr())
	arrived, taken := false, false
	for line := range strings.Lines(read(t, "/proc/net/tcp")) {
		f := strings.Fields(line) // sl, local, remote, st, tx:rx, tr:when, retrnsmt, uid, timeout, inode
		switch {
		case len(f) < 10:
		case f[1] == here && f[2] == there:
			arrived = strings.HasPrefix(f[4], "00000000:")
		case f[1] == there && f[2] == here:
			taken = f[9] != "0" && strings.HasSuffix(f[4], ":00000000")
		}
	}
	return arrived && taken
}

func TestReloadOfABrokenConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name     string
		errorLog string
		logs     []string
		why      string
	}{
		{"log named", "error.log", []string{"error.log"}, `unknown directive "bogus"`},
		{"log found through stderr", "error.log", nil, `unknown directive "bogus"`},
		{"no log", "/dev/null", nil, "its error log says why"},
		{"log not there", "/dev/null", []string{"no.log"}, "its error log says why"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := layout(t)
			put(t, n.path("nginx.conf"), []byte(strings.Replace(mainConf, "error_log error.log", "error_log "+tt.errorLog, 1)))
			n.start()
			before := n.facts()
			put(t, n.path("sites-available/app"), []byte("server {\n bogus;\n}\n"))
			var logs []string
			for _, l := range tt.logs {
				logs = append(logs, n.path(l))
			}
			_, err := n.server.Reload(soon(t), logs...) // it does not wait until the deadline: that would be no errKept
			if !errors.Is(err, errKept) {
				t.Fatalf("got %v", err)
			}
			contains(t, err.Error(), tt.why)
			var refused *ConfigError
			if errors.As(err, &refused) && (refused.Line != 2 || refused.File != n.path("sites-enabled/app")) {
				t.Errorf("position: %+v", refused)
			}
			n.answers("v1")
			after := n.facts()
			if after.Workers[0].PID != before.Workers[0].PID {
				t.Error("the workers are not the same")
			}
			put(t, n.path("sites-available/app"), site(n.port, "v3"))
			if _, err := n.server.Reload(soon(t), logs...); err != nil {
				t.Fatal(err)
			}
			n.answers("v3")
		})
	}
}

func TestReloadWithATakenAddress(t *testing.T) {
	n := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	put(t, n.path("sites-enabled/other"), site(l.Addr().(*net.TCPAddr).Port, "never"))
	_, err = n.server.Reload(soon(t), n.path("error.log"))
	if !errors.Is(err, errKept) {
		t.Fatalf("got %v", err)
	}
	contains(t, err.Error(), "still could not bind()")
	n.answers("v1")
}

func TestReloadUnconfirmed(t *testing.T) {
	n := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	// nginx tries a taken address for 2.5 s before it has a verdict.
	put(t, n.path("sites-enabled/other"), site(l.Addr().(*net.TCPAddr).Port, "never"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := n.server.Reload(ctx); !errors.Is(err, errUnconfirmed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

// Where the master's waiting cannot be seen, its children and its log decide.
func TestReloadWithoutSeeingTheMasterWait(t *testing.T) {
	n := start(t)
	m, err := n.server.master()
	must(t, err)
	for _, tt := range []struct {
		site []byte
		kept bool
	}{{site(n.port, "v2"), false}, {[]byte("bogus;"), true}} {
		put(t, n.path("sites-available/app"), tt.site)
		logs := openTails([]string{n.path("error.log")}, m.PID)
		before, err := n.server.proc.children(m.PID)
		must(t, err)
		must(t, n.server.proc.signal(m.Process, syscall.SIGHUP))
		w := watch{proc: n.server.proc, master: m.Process, before: before, logs: logs}
		if _, err := w.wait(soon(t)); errors.Is(err, errKept) != tt.kept || err != nil && !tt.kept {
			t.Errorf("kept %v: %v", tt.kept, err)
		}
		logs.close()
		n.answers("v2")
	}
}

func TestReloadDuringAnUpgrade(t *testing.T) {
	n := layout(t)
	put(t, n.path("nginx.conf"), []byte(strings.Replace(mainConf, "daemon off", "daemon on", 1))) // nginx ignores the signal unless its parent is gone
	must(t, exec.Command("/usr/sbin/nginx", append([]string{"-p", n.dir, "-c", "nginx.conf"}, earlyLog()...)...).Run())
	n.open()
	eventually(t, "both workers are set up", func() bool { return len(n.facts().Workers) == 2 })
	old := n.facts().Master
	end := func(p Process) {
		_ = n.server.proc.signal(p, syscall.SIGTERM)
		eventually(t, "the master ends", func() bool { _, _, err := n.server.proc.read(p.PID); return err != nil })
	}
	t.Cleanup(func() { end(old) })
	must(t, n.server.proc.signal(old, syscall.SIGUSR2))
	var second Process
	eventually(t, "a second master", func() bool {
		m, err := n.server.master()
		if err == nil {
			second = m.Process
		}
		return err == nil && second.PID != old.PID && len(n.facts().Workers) == 2
	})
	t.Cleanup(func() { end(second) })
	if _, err := n.server.Reload(soon(t)); !errors.Is(err, errUpgrading) {
		t.Fatalf("got %v", err)
	}
}

func TestReloadsAtTheSameTime(t *testing.T) {
	n := start(t)
	put(t, n.path("sites-available/app"), site(n.port, "v2"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := n.server.Reload(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n.answers("v2")
}

func TestReloadNeedsARunningNginx(t *testing.T) {
	n := start(t)
	n.stop()
	if _, err := n.server.Reload(soon(t)); !errors.Is(err, errNotRunning) {
		t.Fatalf("got %v", err)
	}
	if f := n.facts(); f.Running || len(f.Workers) != 0 {
		t.Errorf("facts: %+v", f)
	}
	if _, err := n.server.PendingEdits(soon(t), nil); !errors.Is(err, errNotRunning) {
		t.Errorf("pending edits: %v", err)
	}
}

func TestSignalSparesAReusedPid(t *testing.T) {
	p := realProc()
	self, _, err := p.read(os.Getpid())
	must(t, err)
	self.Ticks++ // as if an earlier process had had this pid
	if err := p.signal(self, 9); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("got %v", err)
	}
}

func TestPendingEdits(t *testing.T) {
	n := start(t)
	put(t, n.path("sites-available/old"), []byte("# old\n"))
	eventually(t, "the clock passes a tick", func() bool { // ctime and start have a resolution of 10 ms
		time.Sleep(25 * time.Millisecond)
		return true
	})
	_, err := n.server.Reload(soon(t))
	must(t, err)
	paths := []string{n.path("nginx.conf"), n.path("sites-enabled"), n.path("sites-enabled/app")}
	pending := func() map[string]string {
		t.Helper()
		all, err := n.server.PendingEdits(soon(t), paths)
		must(t, err)
		got := map[string]string{}
		for _, p := range all {
			got[filepath.Base(p.Path)] = p.What
		}
		return got
	}
	if got := pending(); len(got) != 0 {
		t.Fatalf("right after a reload: %v", got)
	}
	time.Sleep(25 * time.Millisecond) // past the resolution of start times

	put(t, n.path("sites-available/app"), site(n.port, "edited"))
	must(t, os.Chtimes(n.path("sites-available/app"), time.Unix(0, 0), time.Unix(0, 0))) // as "cp -p" does
	if got := pending(); len(got) != 1 || got["app"] != "file" {
		t.Errorf("after an edit: %v", got)
	}
	_, err = n.server.Reload(soon(t))
	must(t, err)
	if got := pending(); len(got) != 0 {
		t.Errorf("after loading it: %v", got)
	}
	time.Sleep(25 * time.Millisecond)

	must(t, os.Symlink("../sites-available/old", n.path("sites-enabled/old")))
	paths = append(paths, n.path("sites-enabled/old"))
	if got := pending(); len(got) != 2 || got["old"] != "link" || got["sites-enabled"] != "directory" {
		t.Errorf("after a link to an old file: %v", got)
	}
	paths = append(paths, n.path("gone"))
	if _, err := n.server.PendingEdits(soon(t), paths); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

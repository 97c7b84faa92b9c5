package count

import (
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func listen(t testing.TB) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t testing.TB, l *net.UnixListener) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Both sources of the count must agree at every step.
func TestUnix(t *testing.T) {
	l, other := listen(t), listen(t)
	dir, name := filepath.Split(l.Addr().String())
	dir = filepath.Clean(dir)
	named := func(count func(string) (map[string]Connections, error)) func(string) (Connections, error) {
		return func(dir string) (Connections, error) {
			each, err := count(dir)
			return each[name], err
		}
	}
	want := func(c Connections) {
		t.Helper()
		for name, count := range map[string]func(string) (Connections, error){
			"unix_diag": named(diagConnections), "/proc/net/unix": named(unixFromProc), "both": named(UnixEach), "sum": Unix,
		} {
			// The kernel hands its table out in pieces: a row can be missed or come
			// twice when the sockets of other programs come and go meanwhile.
			var got Connections
			var err error
			for range 100 {
				if got, err = count(dir); err != nil || got == c {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if err != nil || got != c {
				t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c)
			}
		}
	}
	want(Connections{})
	a, b := dial(t, l), dial(t, l)
	dial(t, other)
	want(Connections{Queued: 2})
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	want(Connections{Established: 1, Queued: 1})
	b.Close() // gone, but its row stays until somebody accepts it
	want(Connections{Established: 1, Queued: 1})
	second, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	want(Connections{Established: 1})
	a.Close() // the server has not noticed yet
	want(Connections{Established: 1})
	accepted.Close()
	want(Connections{})
}

const procUnix = `Num       RefCount Protocol Flags    Type St Inode Path
000000001: 00000002 00000000 00010000 0001 01  4001 /run/edgeman/myapp:blue/80.sock
000000002: 00000003 00000000 00000000 0001 03  4002 /run/edgeman/myapp:blue/80.sock
000000003: 00000002 00000000 00000000 0001 02     0 /run/edgeman/myapp:blue/80.sock
000000004: 00000003 00000000 00000000 0001 03  4004
000000005: 00000003 00000000 00000000 0001 03  4005 /run/edgeman/myapp:blue/8080.sock
000000006: 00000003 00000000 00000000 0001 03  4006 @/run/edgeman/myapp:blue/80.sock
000000007: 00000003 00000000 00000000 0001 03  4007 /run/a b  c/d  e
000000008: 00000002 00000000 00000000 0002 01  4008 /run/edgeman/myapp:blue/80.sock
000000009: 00000003 00000000 00000000 0001 03  4009 /run/edgeman/myapp:blue/80.sock/x
000000010: 00000003 00000000 00000000 0001 03  4010 /run/edgeman/myapp:blue2/80.sock
`

func TestCountUnix(t *testing.T) {
	for dir, want := range map[string]map[string]Connections{
		"/run/edgeman/myapp:blue":  {"80.sock": {Established: 1, Queued: 1}, "8080.sock": {Established: 1}},
		"/run/edgeman/myapp:green": {},
		"/run/a b  c":              {"d  e": {Established: 1}},
	} {
		if got, err := countUnix(strings.NewReader(procUnix), dir); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", dir, got, err, want)
		}
	}
}

func FuzzReadUnix(f *testing.F) {
	f.Add(procUnix)
	f.Fuzz(func(t *testing.T, in string) {
		each, _ := countUnix(strings.NewReader(in), "/run/edgeman/myapp:blue")
		for name, c := range each {
			if c.Total() > strings.Count(in, "/run/edgeman/myapp:blue/"+name) {
				t.Errorf("counted %+v as %s", c, name)
			}
		}
	})
}

package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Both sources of the count must agree at every step.
func TestConnections(t *testing.T) {
	l, other := listen(t), listen(t)
	want := func(c Count) {
		t.Helper()
		for name, count := range map[string]func(string) (Count, error){
			"unix_diag": diagConnections, "/proc/net/unix": procConnections, "both": Connections,
		} {
			// The kernel hands its table out in pieces: a row can be missed or come
			// twice when the sockets of other programs come and go meanwhile.
			var got Count
			var err error
			for range 100 {
				if got, err = count(l.Path()); err != nil || got == c {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if err != nil || got != c {
				t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c)
			}
		}
	}
	want(Count{})
	a, b := dial(t, l), dial(t, l)
	dial(t, other)
	want(Count{Queued: 2})
	accepted, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(Count{Established: 1, Queued: 1})
	b.Close() // gone, but its row stays until somebody accepts it
	want(Count{Established: 1, Queued: 1})
	second, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	want(Count{Established: 1})
	a.Close() // the server has not noticed yet
	want(Count{Established: 1})
	accepted.Close()
	want(Count{})
}

func TestWaitZeroOnSockets(t *testing.T) {
	l := listen(t)
	c := dial(t, l)
	accepted, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := WaitZero(ctx, l.Path(), 10*time.Millisecond, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a connection: %v", err)
	}
	var seen []Count
	begin := time.Now()
	err = WaitZero(t.Context(), l.Path(), 100*time.Millisecond, func(now Count) {
		if seen = append(seen, now); len(seen) == 1 { // it has seen the connection
			time.AfterFunc(50*time.Millisecond, func() { accepted.Close(); c.Close() })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("returned after %s", took)
	}
	if len(seen) != 2 || seen[0].Established != 1 || seen[1] != (Count{}) {
		t.Errorf("reported %+v", seen)
	}
}

// A connection that shows up again within the stable time starts it anew.
func TestWaitZeroStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // or the two zeros in between might be the stable time apart
		counts := []int{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		i := 0
		var lastBusy time.Time
		err := waitZero(t.Context(), 10*time.Millisecond, nil, func() (Count, error) {
			c := Count{Established: counts[min(i, len(counts)-1)]}
			i++
			if c.Established > 0 {
				lastBusy = time.Now()
			}
			return c, nil
		})
		if err != nil || i < 5 || time.Since(lastBusy) < 10*time.Millisecond {
			t.Errorf("%v after %d counts, %s after the last connection", err, i, time.Since(lastBusy))
		}
		broken := errors.New("broken")
		if err := waitZero(t.Context(), 0, nil, func() (Count, error) { return Count{}, broken }); err != broken {
			t.Errorf("got %v", err)
		}
	})
}

const procUnix = `Num       RefCount Protocol Flags    Type St Inode Path
000000001: 00000002 00000000 00010000 0001 01  4001 /run/edgeman/myapp:blue.sock
000000002: 00000003 00000000 00000000 0001 03  4002 /run/edgeman/myapp:blue.sock
000000003: 00000002 00000000 00000000 0001 02     0 /run/edgeman/myapp:blue.sock
000000004: 00000003 00000000 00000000 0001 03  4004
000000005: 00000003 00000000 00000000 0001 03  4005 /run/edgeman/myapp:blue.sock2
000000006: 00000003 00000000 00000000 0001 03  4006 @/run/edgeman/myapp:blue.sock
000000007: 00000003 00000000 00000000 0001 03  4007 /run/a b  c
000000008: 00000002 00000000 00000000 0002 01  4008 /run/edgeman/myapp:blue.sock
`

func TestParseProcUnix(t *testing.T) {
	for path, want := range map[string]Count{
		"/run/edgeman/myapp:blue.sock":  {Established: 1, Queued: 1},
		"/run/edgeman/myapp:green.sock": {},
		"/run/a b  c":                   {Established: 1},
	} {
		if got, err := parseProcUnix(strings.NewReader(procUnix), path); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", path, got, err, want)
		}
	}
}

func FuzzParseProcUnix(f *testing.F) {
	f.Add(procUnix)
	f.Fuzz(func(t *testing.T, in string) {
		c, _ := parseProcUnix(strings.NewReader(in), "/run/edgeman/myapp:blue.sock")
		if c.Total() > strings.Count(in, "/run/edgeman/myapp:blue.sock") {
			t.Errorf("counted %+v", c)
		}
	})
}

func FuzzParseDiag(f *testing.F) {
	msg := binary.NativeEndian.AppendUint32(nil, 16+16+12)
	msg = binary.NativeEndian.AppendUint16(msg, sockDiagByFamily)
	msg = append(msg, make([]byte, 10)...)
	msg = append(msg, 1, 1, tcpListen, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	msg = append(msg, 12, 0, unixDiagRQLen, 0, 3, 0, 0, 0, 9, 0, 0, 0)
	f.Add(msg)
	f.Add(append(msg, msg...))
	f.Fuzz(func(t *testing.T, in []byte) {
		rows := 0
		_, _ = parseDiag(in, func(diagRow) { rows++ })
		if rows > len(in)/32 {
			t.Errorf("%d rows in %d bytes", rows, len(in))
		}
	})
}

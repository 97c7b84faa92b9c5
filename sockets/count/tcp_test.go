package count

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCountTCP(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:A1B2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000    33        0 2 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:A1B4 0100007F:1F90 06 00000000:00000000 00:00000000 00000000    33        0 0 1 0 20 4 30 10 -1
   4: 00000000000000000000000001000000:A1B6 00000000000000000000000001000000:1F90 01 0:0 00:0 0 33 0 4
   5: 0000000000000000FFFF00000100007F:A1B8 0000000000000000FFFF00000100007F:1F90 01 0:0 00:0 0 33 0 5
`
	tests := []struct {
		name string
		to   []string
		want int
	}{
		{"only established, only the client's end, mapped too", []string{"127.0.0.1:8080"}, 2},
		{"both families", []string{"127.0.0.1:8080", "[::1]:8080"}, 3},
		{"another port", []string{"127.0.0.1:8081"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var to []netip.AddrPort
			for _, a := range tt.to {
				to = append(to, netip.MustParseAddrPort(a))
			}
			got := 0
			err := ReadTCP(strings.NewReader(table), established, func(s TCPSocket) {
				if slices.Contains(to, s.Remote) {
					got++
				}
			})
			if err != nil || got != tt.want {
				t.Errorf("%d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

func FuzzReadTCP(f *testing.F) {
	f.Add("   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 777 1")
	f.Fuzz(func(t *testing.T, in string) {
		_ = ReadTCP(strings.NewReader(in), Listen, func(s TCPSocket) {
			if !s.Local.IsValid() || !s.Remote.IsValid() || s.Inode == "" || s.Local.Addr().Is4In6() {
				t.Errorf("%q is read as %+v", in, s)
			}
		})
	})
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	for want := range 3 {
		// The kernel's table is read in pieces, and rows of others come and go.
		waitFor(t, func() bool {
			got, err := TCP(addr)
			if err != nil {
				t.Fatal(err)
			}
			return got == want
		})
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
}

// limit is how long anything in a test may take.
const limit = 60 * time.Second

// waitFor polls until ok, and fails the test if it never is.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

package sockets

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// A socket that systemd bound is reported with the zero byte that ends its
// path, one that a Go program bound without.
func TestDiagNameWithAndWithoutItsEnd(t *testing.T) {
	for _, name := range []string{"/run/x.sock", "/run/x.sock\x00"} {
		var got string
		if _, err := parseDiag(diagMessage(name), func(row diagRow) { got = row.name }); err != nil {
			t.Fatal(err)
		}
		if got != "/run/x.sock" {
			t.Errorf("%q is read as %q", name, got)
		}
	}
}

func diagMessage(name string) []byte {
	attr := binary.NativeEndian.AppendUint16(nil, uint16(4+len(name)))
	attr = binary.NativeEndian.AppendUint16(attr, unixDiagName)
	attr = append(attr, name...)
	for len(attr)%4 != 0 {
		attr = append(attr, 0)
	}
	body := append(make([]byte, diagMsgLen), attr...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, sockDiagByFamily)
	b = append(b, make([]byte, unix.SizeofNlMsghdr-6)...)
	return append(b, body...)
}

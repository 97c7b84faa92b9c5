package count

import (
	"encoding/binary"
	"testing"
)

// A socket that systemd bound is reported with the zero byte that ends its
// path, one that a Go program bound without.
func TestDiagNameWithAndWithoutItsEnd(t *testing.T) {
	for _, name := range []string{"/run/x.sock", "/run/x.sock\x00"} {
		row, err := parseDiag(diagMessage(name))
		if err != nil {
			t.Fatal(err)
		}
		if row.name != "/run/x.sock" {
			t.Errorf("%q is read as %q", name, row.name)
		}
	}
}

func diagMessage(name string) []byte {
	attr := binary.NativeEndian.AppendUint16(nil, uint16(4+len(name)))
	attr = binary.NativeEndian.AppendUint16(attr, unixDiagName)
	return append(append(make([]byte, diagMsgLen), attr...), name...)
}

func FuzzParseDiag(f *testing.F) {
	msg := []byte{1, 1, tcpListen, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	msg = append(msg, 12, 0, unixDiagRQLen, 0, 3, 0, 0, 0, 9, 0, 0, 0)
	f.Add(msg)
	f.Add(append(msg, msg...))
	f.Fuzz(func(t *testing.T, in []byte) {
		row, err := parseDiag(in)
		if (err != nil) != (len(in) < diagMsgLen) || len(row.name) > len(in) {
			t.Errorf("%d bytes: %+v, %v", len(in), row, err)
		}
	})
}

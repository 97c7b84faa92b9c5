package netlink

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// message is one as the kernel sends it.
func message(typ uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	return append(append(b, make([]byte, 10)...), body...)
}

func TestMessages(t *testing.T) {
	one := message(20, []byte("one!"))
	refusal := message(unix.NLMSG_ERROR, binary.NativeEndian.AppendUint32(nil, ^uint32(unix.EPERM)+1))
	for name, c := range map[string]struct {
		in    []byte
		count int
		done  bool
		want  error
	}{
		"none":              {nil, 0, false, nil},
		"two":               {append(one, one...), 2, false, nil},
		"the end of a dump": {append(one, message(unix.NLMSG_DONE, nil)...), 1, true, nil},
		"acknowledged":      {message(unix.NLMSG_ERROR, make([]byte, 4)), 0, true, nil},
		"refused":           {refusal, 0, false, unix.EPERM},
	} {
		count := 0
		done, err := messages(c.in, func(uint16, []byte) error { count++; return nil })
		if count != c.count || done != c.done || !errors.Is(err, c.want) {
			t.Errorf("%s: %d messages, %v, %v", name, count, done, err)
		}
	}
}

func FuzzMessages(f *testing.F) {
	one := message(20, []byte{1, 1, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 4, 0, 3, 0, 0, 0, 9, 0, 0, 0})
	f.Add(one)
	f.Add(append(one, one...))
	f.Fuzz(func(t *testing.T, in []byte) {
		all := 0
		_, _ = messages(in, func(_ uint16, body []byte) error {
			all++
			Attributes(body, func(uint16, []byte) {})
			return nil
		})
		if all > len(in)/unix.SizeofNlMsghdr {
			t.Errorf("%d messages in %d bytes", all, len(in))
		}
	})
}

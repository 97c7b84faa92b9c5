package nginx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// acl is a POSIX access control list in the form the kernel keeps it.
type acl []aclEntry

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

// Tags and version of the attribute system.posix_acl_access
// (linux/posix_acl_xattr.h).
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
	aclVersion  = 2
)

func readACL(path string) (acl, error) {
	raw, err := sized(func(buf []byte) (int, error) { return unix.Lgetxattr(path, "system.posix_acl_access", buf) })
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ACL of %s: %w", path, err)
	}
	list, err := parseACL(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the ACL of %s: %w", path, err)
	}
	return list, nil
}

func parseACL(raw []byte) (acl, error) {
	if len(raw) < 4 || len(raw)%8 != 4 || binary.LittleEndian.Uint32(raw) != aclVersion {
		return nil, fmt.Errorf("unknown format of %d bytes", len(raw))
	}
	list := acl{}
	for e := raw[4:]; len(e) > 0; e = e[8:] {
		list = append(list, aclEntry{
			tag:  binary.LittleEndian.Uint16(e),
			perm: binary.LittleEndian.Uint16(e[2:]),
			id:   binary.LittleEndian.Uint32(e[4:]),
		})
	}
	return list, nil
}

// allows is the access check algorithm of acl(5): owner, named user, any
// group that matches and grants, other.
func (l acl) allows(id Identity, owner, group uint32, want uint16) bool {
	mask := uint16(7)
	for _, e := range l {
		if e.tag == aclMask {
			mask = e.perm
		}
	}
	var named *aclEntry
	inGroup, granted, other := false, false, false
	for _, e := range l {
		switch {
		case e.tag == aclUserObj && id.UID == owner:
			return e.perm&want == want
		case e.tag == aclUser && id.UID == e.id:
			named = &e
		case e.tag == aclGroupObj && id.in(group), e.tag == aclGroup && id.in(e.id):
			inGroup = true
			granted = granted || e.perm&mask&want == want
		case e.tag == aclOther:
			other = e.perm&want == want
		}
	}
	switch {
	case named != nil:
		return named.perm&mask&want == want
	case inGroup:
		return granted
	}
	return other
}

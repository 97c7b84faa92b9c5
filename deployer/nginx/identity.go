package nginx

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Identity is what file permissions are checked against.
type Identity struct {
	UID, GID uint32
	Groups   []uint32
}

func (id Identity) String() string {
	return fmt.Sprintf("uid %d, gid %d", id.UID, id.GID)
}

// identity reads the effective ids from /proc/PID/status.
func (p procfs) identity(pid int) (Identity, error) {
	raw, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return Identity{}, err
	}
	return parseIdentity(string(raw))
}

func parseIdentity(raw string) (Identity, error) {
	var id Identity
	seen := 0
	for line := range strings.Lines(raw) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		switch {
		case name == "Uid" && len(fields) == 4:
			id.UID, seen = parseID(fields[1]), seen+1
		case name == "Gid" && len(fields) == 4:
			id.GID, seen = parseID(fields[1]), seen+1
		case name == "Groups":
			for _, f := range fields {
				id.Groups = append(id.Groups, parseID(f))
			}
		}
	}
	if seen != 2 {
		return Identity{}, fmt.Errorf("no user and group in a process status")
	}
	return id, nil
}

// parseID reads an id that the kernel wrote; what is no number becomes the
// id that owns nothing.
func parseID(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return ^uint32(0)
	}
	return uint32(n)
}

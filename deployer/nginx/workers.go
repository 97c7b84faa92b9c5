package nginx

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
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

// Worker is one worker process of the running master.
type Worker struct {
	Process
	Identity Identity
	Leaving  bool // told to quit: it finishes what it has and accepts nothing new
}

func current(w Worker) bool { return !w.Leaving }

// Leaving is how many of the workers have been told to quit.
func (f Facts) Leaving() (n int) {
	for _, w := range f.Workers {
		if w.Leaving {
			n++
		}
	}
	return n
}

// workers lists the children of a master that have finished their set-up.
func (p procfs) workers(master int) ([]Worker, error) {
	children, err := p.children(master)
	if err != nil {
		return nil, err
	}
	var all []Worker
	for _, proc := range children {
		if !strings.HasPrefix(proc.Title, titleWorker) {
			continue
		}
		id, err := p.identity(proc.PID)
		if err != nil {
			continue // gone between the two reads
		}
		all = append(all, Worker{Process: proc, Identity: id, Leaving: strings.HasPrefix(proc.Title, titleShutdown)})
	}
	slices.SortFunc(all, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Ticks, b.Ticks), cmp.Compare(a.PID, b.PID))
	})
	return all, nil
}

// generation is the moment from which the running workers have the
// configuration they have: the start of the oldest that is not leaving, as a
// younger one may only replace one that crashed.
func generation(workers []Worker) (time.Time, error) {
	i := slices.IndexFunc(workers, current)
	if i < 0 {
		return time.Time{}, fmt.Errorf("no worker that accepts connections: %w", errNotRunning)
	}
	return workers[i].Start, nil
}

// confinement is the mandatory access control that the workers run under.
// The zero value is none.
type confinement struct {
	By      string // "SELinux" or "AppArmor"
	Label   string // domain or profile of the workers
	Enforce bool   // refusals are real, not only logged
}

// Warning says what could go wrong; it is empty when nothing can.
func (c confinement) Warning() string {
	if !c.Enforce {
		return ""
	}
	return fmt.Sprintf("nginx's workers are confined by %s as %s: its policy may forbid them to connect to edgeman's sockets even where file permissions allow it", c.By, c.Label)
}

// selinuxEnforce holds "1" while SELinux refuses and "0" while it only logs.
const selinuxEnforce = "/sys/fs/selinux/enforce"

func (p procfs) confinement(pid int) confinement {
	mode, err := os.ReadFile(selinuxEnforce)
	selinux := err == nil
	label := p.label(pid, "attr/current")
	if profile := p.label(pid, "attr/apparmor/current"); profile != "" {
		label = profile // attr/current is SELinux's when both are stacked
		selinux = false
	}
	return confinementOf(label, selinux, strings.TrimSpace(string(mode)) == "1")
}

func (p procfs) label(pid int, name string) string {
	raw, _ := os.ReadFile(p.path(pid, name))
	return strings.TrimRight(string(raw), "\x00\n")
}

// confinementOf reads a label: SELinux writes user:role:type:level, AppArmor
// "profile (mode)" or "unconfined".
func confinementOf(label string, selinux, enforcing bool) confinement {
	if selinux {
		parts := strings.SplitN(label, ":", 4)
		if len(parts) < 3 || strings.HasPrefix(parts[2], "unconfined") {
			return confinement{}
		}
		return confinement{By: "SELinux", Label: parts[2], Enforce: enforcing}
	}
	profile, mode, found := strings.Cut(label, " (")
	if !found {
		return confinement{}
	}
	return confinement{By: "AppArmor", Label: profile, Enforce: strings.TrimSuffix(mode, ")") == "enforce"}
}

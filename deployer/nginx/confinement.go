package nginx

import (
	"fmt"
	"os"
	"strings"
)

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

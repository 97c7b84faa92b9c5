package status

import (
	"os"
	"path/filepath"
	"strconv"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/slots"
)

// LogsOptions are the choices of `edgeman logs`.
type LogsOptions struct {
	App    string
	Follow bool
	Lines  int  // 0: all of them
	JSON   bool // journald's own fields
	User   int  // who asks; root may read the journal, others if they may read its files
}

// LogsCommand is the journalctl command line that prints what an app's
// containers and services said. Everything in it is fixed or checked.
func (h *Host) LogsCommand(o LogsOptions) ([]string, error) {
	if err := h.Paths.Adopted(o.App); err != nil {
		return nil, err
	}
	if o.User != 0 && !h.journalReadable() {
		return nil, hint.With(outcome.Refuse("logs reads the journal, and this user may not"), "sudo edgeman logs %s, or join the group systemd-journal", o.App)
	}
	lines := "all"
	if o.Lines > 0 {
		lines = strconv.Itoa(o.Lines)
	}
	argv := []string{"journalctl", "--no-pager", "--lines=" + lines, "--output=short-iso"}
	if o.JSON {
		argv[len(argv)-1] = "--output=json"
	}
	if o.Follow {
		argv = append(argv, "--follow")
	}
	for _, slot := range slots.Both(o.App) {
		argv = append(argv, "--unit="+slot.ServiceUnit(), "--unit="+slot.SocketUnit())
	}
	return argv, nil
}

// journalReadable reports whether this user may read the system's journal.
func (h *Host) journalReadable() bool {
	for _, dir := range []string{"/var/log/journal", "/run/log/journal"} {
		files, _ := filepath.Glob(filepath.Join(h.System.Root, dir, "*", "system.journal")) // the pattern is sound
		for _, name := range files {
			if f, err := os.Open(name); err == nil {
				f.Close()
				return true
			}
		}
	}
	return false
}

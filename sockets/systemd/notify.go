package systemd

import (
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells the service manager about this process, in the words of
// sd_notify(3): "READY=1", "STATUS=...", "STOPPING=1",
// "EXTEND_TIMEOUT_USEC=...", several of them separated by newlines. Without
// NOTIFY_SOCKET in the environment it does nothing.
func Notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	return nil
}

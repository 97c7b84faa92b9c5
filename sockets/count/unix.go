package count

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Connections is the kernel's own count of the connections of a listening socket.
type Connections struct {
	Established int // accepted, and not yet closed by both sides' holders
	Queued      int // connected, waiting to be accepted
}

// Total returns all connections, queued ones included.
func (c Connections) Total() int { return c.Established + c.Queued }

// Unix counts the connections to the Unix sockets that are bound to
// path, whoever accepted them: the server's end of a connection carries the
// listener's path for as long as any process holds it. The kernel files an
// accepted socket under the network namespace of its client, so the count is
// right in the namespace of the clients, nginx's. It reads sock_diag(7), and
// /proc/net/unix where the kernel cannot load unix_diag.
func Unix(path string) (Connections, error) {
	c, err := diagConnections(path)
	if err == nil {
		return c, nil
	}
	c, procErr := procConnections(path)
	if procErr != nil {
		return Connections{}, fmt.Errorf("counting connections of %s: %w", path, errors.Join(err, procErr))
	}
	return c, nil
}

func procConnections(path string) (Connections, error) {
	f, err := os.Open(filepath.Join(own, "net/unix"))
	if err != nil {
		return Connections{}, err
	}
	defer f.Close()
	return countUnix(f, path)
}

func countUnix(table io.Reader, path string) (c Connections, err error) {
	err = ReadUnix(table, func(s UnixSocket) {
		switch {
		case s.Path != path:
		case s.Queued:
			c.Queued++
		case s.Connected:
			c.Established++
		}
	})
	return c, err
}

package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"edgeman/deployer/poll"
)

// Logs copies the container's output from since on (inclusive; zero: the
// beginning), following it until the container stops when follow is set. Each
// line begins with the time the daemon got it, as in
// "2006-01-02T15:04:05.000000000Z ", so that the caller knows where a later call
// has to go on. A writer that is nil leaves its stream out; a container with a
// terminal has stdout only. ErrNoLogs when the logging driver keeps nothing.
func (c *Client) Logs(ctx context.Context, id string, since time.Time, follow bool, stdout, stderr io.Writer) error {
	o := container.LogsOptions{ShowStdout: stdout != nil, ShowStderr: stderr != nil, Follow: follow, Timestamps: true}
	if !since.IsZero() {
		o.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	return c.logs(ctx, id, o, &stream{to: stdout, times: true}, &stream{to: stderr, times: true})
}

// Tail returns the last n lines of output, stdout and stderr in order.
func (c *Client) Tail(ctx context.Context, id string, n int) (string, error) {
	ctx, cancel := poll.Bounded(ctx, callTimeout)
	defer cancel()
	var out bytes.Buffer
	o := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(n)}
	err := c.logs(ctx, id, o, &stream{to: &out}, &stream{to: &out})
	return out.String(), err
}

func (c *Client) logs(ctx context.Context, id string, o container.LogsOptions, stdout, stderr *stream) error {
	ct, err := c.Inspect(ctx, id)
	if err != nil {
		return err
	}
	return c.checked(ctx, "read the logs of", id, func(ctx context.Context, api *client.Client) error {
		r, err := api.ContainerLogs(ctx, id, o)
		if err != nil {
			return err
		}
		defer r.Close()
		return copyLogs(r, ct.Tty, stdout, stderr)
	})
}

// stream is the end of one of the container's outputs.
type stream struct {
	to     io.Writer
	times  bool // keep the daemon's time before each line
	inside bool // the last message did not end its line
}

// message writes one message. The daemon cuts long lines into messages of
// 16 KiB and puts a time before each: those inside a line have to go.
func (s *stream) message(text []byte) error {
	if s.to == nil {
		return nil
	}
	if i := timeLength(text); s.inside || !s.times {
		text = text[i:]
	}
	s.inside = !bytes.HasSuffix(text, []byte("\n"))
	_, err := s.to.Write(text)
	return err
}

// timeLength is the length of the time, and the space behind it, that text
// begins with.
func timeLength(text []byte) int {
	i := bytes.IndexByte(text, ' ')
	if i < 0 {
		return 0
	}
	if _, err := time.Parse(time.RFC3339Nano, string(text[:i])); err != nil {
		return 0
	}
	return i + 1
}

// copyLogs takes the daemon's stream of messages apart.
func copyLogs(r io.Reader, tty bool, stdout, stderr *stream) error {
	b := bufio.NewReader(r)
	for {
		var err error
		if tty {
			err = copyLine(b, stdout)
		} else {
			err = copyFrame(b, stdout, stderr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxMessage is far above what the daemon puts into one frame; anything longer
// means that the stream is out of step.
const maxMessage = 4 << 20

// copyFrame copies one message of a container without a terminal: a byte that
// says which stream, three zeros, four bytes of length, and the message. The
// library's own demultiplexer loses where a message begins.
func copyFrame(r *bufio.Reader, stdout, stderr *stream) error {
	var header [8]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return ended(err)
	}
	size := binary.BigEndian.Uint32(header[4:])
	if size > maxMessage {
		return fmt.Errorf("log message of %d bytes", size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return ended(err)
	}
	switch stdcopy.StdType(header[0]) {
	case stdcopy.Stdout:
		return stdout.message(text)
	case stdcopy.Stderr:
		return stderr.message(text)
	case stdcopy.Systemerr: // the daemon reports a failure in the stream itself
		return errors.New(string(bytes.TrimSpace(text)))
	}
	return fmt.Errorf("log message of unknown stream %d", header[0])
}

// ended: a stream that stops inside a message was cut by the daemon's end.
func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// copyLine copies one line of a container with a terminal, which is not framed.
func copyLine(r *bufio.Reader, to *stream) error {
	text, err := r.ReadBytes('\n')
	if len(text) > 0 {
		if err := to.message(text); err != nil {
			return err
		}
	}
	return err
}

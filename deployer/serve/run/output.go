package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"edgeman/deployer/docker"
	"edgeman/deployer/poll"
)

// output copies what containers print to this process's own output, which is
// the journal. Where it got to is kept in a file, so that after this process
// was killed nothing is copied twice.
type Output struct {
	stdout, stderr io.Writer
	position       *os.File // the time of the last line copied, and its container
	say            func(string, ...any)
	prefix         string // of each line, if containers have to be told apart
	at             int64  // where in the file
}

// positionSize is that of one container's place in the file: id and time.
const positionSize = 128

// of is the output of the container at index among n that run side by side.
func (o *Output) of(index, n int) *Output {
	own := *o
	own.at = int64(index) * positionSize
	if n > 1 {
		own.prefix = fmt.Sprintf("[%d] ", index+1)
	}
	return &own
}

// OpenOutput keeps the position in the file at path.
func OpenOutput(path string, stdout, stderr io.Writer, say func(string, ...any)) (*Output, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the output position: %w", err)
	}
	return &Output{stdout: stdout, stderr: stderr, position: f, say: say}, nil
}

const (
	outputRetry = time.Second
	// Docker takes the time of a start when it is done with it. By then the app
	// can have said its first words.
	startSlack = time.Second
)

// follow copies until the container or ctx has ended.
func (o *Output) follow(ctx context.Context, e Engine, c docker.Container) {
	for ctx.Err() == nil {
		out, errs := &lines{to: o.stdout, o: o, id: c.ID}, &lines{to: o.stderr, o: o, id: c.ID}
		err := e.Logs(ctx, c.ID, o.since(c), true, out, errs)
		out.end()
		errs.end()
		if errors.Is(err, docker.ErrNoLogs) {
			o.say("the output of %s is not copied: %v", c.Name, err)
			return
		}
		if now, inspectErr := e.Inspect(ctx, c.ID); err == nil && inspectErr == nil && !now.Running {
			return
		}
		poll.Sleep(ctx, outputRetry) // Docker went away, and may come back
	}
}

// since is the time from which on output of c has not been copied.
func (o *Output) since(c docker.Container) time.Time {
	buf := make([]byte, positionSize)
	n, _ := o.position.ReadAt(buf, o.at)
	id, stamp, ok := strings.Cut(strings.Trim(string(buf[:n]), " \x00"), " ")
	if at, err := time.Parse(time.RFC3339Nano, stamp); ok && err == nil && id == c.ID {
		return at.Add(1) // Docker counts from this time on, inclusive
	}
	return c.Started.Add(-startSlack)
}

// lines is the end of one stream: whole lines that begin with Docker's time.
type lines struct {
	to     io.Writer
	o      *Output
	id     string
	rest   []byte
	inside bool // what was written last did not end its line
}

// stampWidth is that of Docker's times, RFC 3339 with all nine digits.
const stampWidth = len("2006-01-02T15:04:05.000000000Z")

// maxLine bounds what is kept of a line that does not end.
const maxLine = 64 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	from := 0
	for {
		i := bytes.IndexByte(l.rest[from:], '\n')
		if i < 0 && len(l.rest)-from < maxLine {
			break
		}
		end := from + i + 1
		if i < 0 {
			end = len(l.rest)
		}
		if err := l.line(l.rest[from:end]); err != nil {
			return 0, err
		}
		from = end
	}
	l.rest = append(l.rest[:0], l.rest[from:]...)
	return len(p), nil
}

// end ends a line that the container did not.
func (l *lines) end() {
	if len(l.rest) > 0 || l.inside {
		_ = l.line(append(l.rest, '\n')) // there is nobody to tell
	}
	l.rest = nil
}

// line copies one line without its time, and then notes that it was copied.
func (l *lines) line(b []byte) error {
	var stamp []byte
	if !l.inside && len(b) > stampWidth && b[stampWidth] == ' ' {
		stamp, b = b[:stampWidth], b[stampWidth+1:]
	}
	if l.o.prefix != "" && !l.inside {
		b = append([]byte(l.o.prefix), b...) // one write, or others' lines come between
	}
	l.inside = !bytes.HasSuffix(b, []byte("\n"))
	if _, err := l.to.Write(b); err != nil {
		return err
	}
	if stamp != nil {
		// One small write, always of the same length: no reader sees half of it.
		_, _ = l.o.position.WriteAt(append(append([]byte(l.id), ' '), stamp...), l.o.at)
	}
	return nil
}

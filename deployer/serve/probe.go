package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"edgeman/deployer/docker"
)

const (
	probeMin  = 50 * time.Millisecond // between probes of an app that starts
	probeMax  = 500 * time.Millisecond
	httpLimit = 5 * time.Second // for one answer
	dialLimit = 2 * time.Second
	execLimit = 30 * time.Second // even if the image allows its check more
)

// probe asks the app once whether it is ready. The answer is one line for
// people, in either case.
type probe func(ctx context.Context) (answer string, ok bool)

// httpProbe asks for path over a connection from dial.
func httpProbe(host, path string, dial func(context.Context) (net.Conn, error)) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, httpLimit)
		defer cancel()
		answer, ok, err := ask(ctx, host, path, dial)
		if err != nil {
			return fmt.Sprintf("GET %s: %v", path, err), false
		}
		return fmt.Sprintf("GET %s: %s", path, answer), ok
	}
}

func ask(ctx context.Context, host, path string, dial func(context.Context) (net.Conn, error)) (string, bool, error) {
	c, err := dial(ctx)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	req := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: edgeman\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(c, req); err != nil {
		return "", false, err
	}
	// An app that sends headers without end is not worth memory.
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, 64<<10)), nil)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %s", httpLimit)
		}
		return "", false, err
	}
	res.Body.Close()
	return res.Status, res.StatusCode >= 200 && res.StatusCode < 400, nil
}

// execProbe runs the image's own check inside the container. Docker runs it
// too, but for the first time after a whole interval.
func execProbe(e engine, id string, h docker.Healthcheck) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, min(h.Timeout, execLimit))
		defer cancel()
		code, output, err := e.Exec(ctx, id, h.Command)
		if err != nil {
			return "health check: " + firstLine(err.Error()), false
		}
		return strings.TrimRight(fmt.Sprintf("health check: exit %d %s", code, firstLine(output)), " "), code == 0
	}
}

// dialProbe is satisfied when the app's port takes a connection.
func dialProbe(up upstream) probe {
	return func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, dialLimit)
		defer cancel()
		c, err := up.Dial(ctx)
		if err != nil {
			return "connect: " + err.Error(), false
		}
		defer c.Close()
		return fmt.Sprintf("connect: %s accepts", c.Peer()), true
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line[:min(len(line), 200)]
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// conn is one client connection: it reads requests, one after the other, and
// keeps each one's head as it came off the wire.
type conn struct {
	net.Conn
	server *server
	tape   tape
	in     *bufio.Reader
	out    *bufio.Writer
	close  bool // after the current answer
}

// tape records what is read from the connection while it is on.
type tape struct {
	r    io.Reader
	on   bool
	data []byte
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if t.on {
		t.data = append(t.data, p[:n]...)
	}
	return n, err
}

func newConn(s *server, c net.Conn) *conn {
	k := &conn{Conn: c, server: s, tape: tape{r: c}, out: bufio.NewWriter(c)}
	k.in = bufio.NewReader(&k.tape)
	return k
}

func (c *conn) serve() {
	defer c.server.forget(c)
	defer c.Conn.Close()
	for !c.close {
		c.SetReadDeadline(time.Now().Add(c.server.idle))
		if !c.server.setIdle(c, true) {
			return
		}
		if _, err := c.in.Peek(1); err != nil {
			return
		}
		c.server.setIdle(c, false)
		c.SetReadDeadline(time.Time{})
		if !c.one() {
			return
		}
	}
}

// one answers one request and reports whether the connection is still in step.
func (c *conn) one() bool {
	// What the reader holds already belongs to this request.
	rest, _ := c.in.Peek(c.in.Buffered())
	c.tape.data, c.tape.on = append([]byte(nil), rest...), true
	req, err := http.ReadRequest(c.in)
	if err != nil {
		fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		return false
	}
	c.tape.on = false
	head := string(c.tape.data[:len(c.tape.data)-c.in.Buffered()])
	c.close = req.Close || c.server.isDraining()
	if strings.EqualFold(req.Header.Get("Expect"), "100-continue") {
		fmt.Fprintf(c, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	return c.handle(req, head)
}

// start writes the head of an answer and returns where its body goes; finish
// ends the body. A length of -1 means unknown: chunked, or until close where
// the client speaks HTTP/1.0.
func (c *conn) start(req *http.Request, status int, length int64, header ...string) (body io.Writer, finish func() error) {
	body, finish = c.out, c.out.Flush
	fmt.Fprintf(c.out, "HTTP/1.1 %d %s\r\nX-Version: %s\r\n", status, http.StatusText(status), c.server.version)
	for i := 0; i+1 < len(header); i += 2 {
		fmt.Fprintf(c.out, "%s: %s\r\n", header[i], header[i+1])
	}
	switch {
	case length >= 0:
		fmt.Fprintf(c.out, "Content-Length: %d\r\n", length)
	case req.ProtoAtLeast(1, 1):
		fmt.Fprintf(c.out, "Transfer-Encoding: chunked\r\n")
		chunks := httputil.NewChunkedWriter(c.out)
		body = chunks
		finish = func() error {
			if err := chunks.Close(); err != nil {
				return err
			}
			c.out.WriteString("\r\n")
			return c.out.Flush()
		}
	default:
		c.close = true
	}
	if c.close {
		fmt.Fprintf(c.out, "Connection: close\r\n")
	} else if !req.ProtoAtLeast(1, 1) {
		fmt.Fprintf(c.out, "Connection: keep-alive\r\n")
	}
	c.out.WriteString("\r\n")
	return body, finish
}

// reply sends a whole answer.
func (c *conn) reply(req *http.Request, status int, contentType string, data []byte) bool {
	body, finish := c.start(req, status, int64(len(data)), "Content-Type", contentType)
	if req.Method != http.MethodHead {
		body.Write(data)
	}
	return finish() == nil
}

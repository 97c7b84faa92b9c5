package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

// websockets keeps one session open until ctx ends, and opens a new one
// whenever it ends or breaks.
func (r *run) websockets(ctx context.Context) {
	for ctx.Err() == nil {
		version, err := r.session(ctx)
		r.record(func(res *Result) *int { res.Sessions++; return &res.SessionsBroken }, version, err, 0)
		if err != nil {
			pause(ctx, 100*time.Millisecond)
		}
	}
}

func (r *run) session(ctx context.Context) (version string, err error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", err
	}
	c, err := net.DialTimeout("tcp", hostPort(u), r.Timeout)
	if err != nil {
		return "", fmt.Errorf("websocket: %w", err)
	}
	defer c.Close()
	host := r.Host
	if host == "" {
		host = u.Host
	}
	c.SetDeadline(time.Now().Add(r.Timeout))
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", fmt.Errorf("websocket: handshake: %w", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return "", fmt.Errorf("websocket: handshake: %s", resp.Status)
	}
	lives := func() bool { return true }
	if r.WebsocketLife > 0 {
		end := time.Now().Add(rand.N(r.WebsocketLife))
		lives = func() bool { return time.Now().Before(end) }
	}
	for i := 0; ctx.Err() == nil && lives(); i++ {
		c.SetDeadline(time.Now().Add(r.Timeout))
		if err := roundTrip(c, in, fmt.Appendf(nil, "message %d", i)); err != nil {
			return "", fmt.Errorf("websocket: message %d: %w", i, err)
		}
		r.mu.Lock()
		r.result.Messages++
		r.mu.Unlock()
		pause(ctx, r.WebsocketEvery)
	}
	return resp.Header.Get("X-Version"), nil
}

// roundTrip sends a short text message and wants it back. The mask is zero,
// which RFC 6455 does not forbid and which leaves the payload readable.
func roundTrip(w io.Writer, r io.Reader, payload []byte) error {
	frame := append([]byte{0x81, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	if _, err := w.Write(frame); err != nil {
		return err
	}
	got := make([]byte, 2+len(payload))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if binary.BigEndian.Uint16(got) != 0x8100|uint16(len(payload)) || !bytes.Equal(got[2:], payload) {
		return fmt.Errorf("came back as %q", got)
	}
	return nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
)

// websocket answers the opening handshake of RFC 6455 and sends every message
// back with its text or binary opcode, until the client closes. Fragments are
// echoed as they come.
func (c *conn) websocket(req *http.Request) bool {
	key := req.Header.Get("Sec-Websocket-Key")
	if key == "" {
		return c.reply(req, http.StatusBadRequest, "text/plain", []byte("not a websocket handshake\n"))
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(c.out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"X-Version: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n", c.server.version, base64.StdEncoding.EncodeToString(sum[:]))
	for c.out.Flush() == nil {
		first, payload, err := readFrame(c.in)
		if err != nil {
			return false
		}
		switch first & 0x0f {
		case 0x8: // close
			writeFrame(c.out, first, payload)
			c.out.Flush()
			return false
		case 0x9: // ping
			writeFrame(c.out, 0x8a, payload)
		case 0xa: // pong
		default:
			writeFrame(c.out, first, payload)
		}
	}
	return false
}

// readFrame returns a frame's first byte (FIN and opcode) and its payload.
func readFrame(r io.Reader) (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := uint64(head[1] & 0x7f)
	if n := map[uint64]int{126: 2, 127: 8}[size]; n > 0 {
		var long [8]byte
		if _, err := io.ReadFull(r, long[8-n:]); err != nil {
			return 0, nil, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	if size > 16<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes", size)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0], payload, err
}

func writeFrame(w io.Writer, first byte, payload []byte) {
	head := []byte{first, byte(len(payload))}
	switch {
	case len(payload) > 0xffff:
		head = binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(len(payload)))
	case len(payload) > 125:
		head = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	}
	w.Write(head)
	w.Write(payload)
}

package carry

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"
)

// What a connection is at.
const (
	quiet     = iota // nothing was asked yet, or all of it is answered
	asked            // a request went in and no answer has come
	answering        // a part of an answer has come
	upgraded         // the app switched protocols (101): a websocket, for good
	foreign          // not HTTP/1
)

// traffic follows one connection as it is forwarded, to tell what it is at when
// its slot is drained. It reads the heads of answers (RFC 9112) and counts
// their bodies; there is one answer at a time, because nginx sends no request
// before it has the whole answer to the one before. It is a relay.Observer.
type traffic struct {
	mu      sync.Mutex
	now     int
	asks    *atomic.Uint64 // counts the requests of all connections; may be nil
	back    *atomic.Uint64 // counts the pieces of answers of all connections; may be nil
	head    bool           // the request is a HEAD, whose answer has no body
	http    bool           // the app has spoken HTTP/1 before
	chunked bool
	vague   bool    // where the answer ends cannot be told
	left    int64   // body bytes to come; -1: until the end of a chunked body, or of the connection
	tail    [5]byte // of a chunked body
}

// ToApp takes note of a piece of a request. A new one can begin although the
// answer before does not look finished: then it was, or will go on.
func (t *traffic) ToApp(piece []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == quiet || t.now == answering {
		t.now = asked
		if t.asks != nil {
			t.asks.Add(1)
		}
		t.head = bytes.HasPrefix(piece, []byte("HEAD "))
	}
}

// ToClient takes note of a piece of an answer.
func (t *traffic) ToClient(piece []byte) {
	t.cameBack()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.now == quiet || t.now == asked:
		t.begin(piece)
	case t.now != answering:
	case t.chunked:
		t.chunk(piece)
	case t.left >= 0:
		t.take(len(piece))
	}
}

// Unseen counts body bytes that were not shown.
func (t *traffic) Unseen(toClient bool, n int) {
	if toClient {
		t.cameBack()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if toClient && t.now == answering && t.left >= 0 {
		t.take(n)
	}
}

func (t *traffic) cameBack() {
	if t.back != nil {
		t.back.Add(1)
	}
}

// begin reads the head of an answer, which is whole in its first piece unless
// the app writes it in parts.
func (t *traffic) begin(piece []byte) {
	if !bytes.HasPrefix(piece, []byte("HTTP/1.")) {
		// More of an answer that looked finished, or something else altogether.
		t.now, t.vague = answering, true
		if !t.http {
			t.now = foreign
		}
		return
	}
	h := readHead(piece)
	t.http, t.now, t.chunked, t.vague, t.left = true, answering, h.chunked, false, -1
	switch rest := piece[h.size:]; {
	case h.status == 101:
		t.now = upgraded
	case h.size == 0:
		t.chunked, t.vague = false, true
	case h.status < 200: // one more is to follow
		t.now = asked
		if len(rest) > 0 {
			t.begin(rest)
		}
	case t.head, h.status == 204, h.status == 304:
		t.now = quiet
	case h.chunked:
		t.tail = [5]byte{}
		t.chunk(rest)
	case h.length >= 0:
		t.left = h.length
		t.take(len(rest))
	}
}

// take counts body bytes of an answer whose length is known.
func (t *traffic) take(n int) {
	if t.left -= int64(n); t.left <= 0 {
		t.now = quiet
	}
}

// chunk looks for the last chunk at the end of what has come. Apps send no
// trailers unless they are asked to.
func (t *traffic) chunk(piece []byte) {
	if keep := len(t.tail) - len(piece); keep > 0 {
		copy(t.tail[:], t.tail[len(piece):])
		copy(t.tail[keep:], piece)
	} else {
		copy(t.tail[:], piece[-keep:])
	}
	if string(t.tail[:]) == "0\r\n\r\n" {
		t.now = quiet
	}
}

// state is what the connection is at now; vague is true where an answer may or
// may not be over.
func (t *traffic) state() (now int, vague bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now, t.vague
}

// answerHead is what the head of an answer says of its body.
type answerHead struct {
	status  int
	size    int // 0 if its end is not there
	length  int64
	chunked bool
}

// readHead reads the head of an answer that begins with its HTTP version. What
// makes no sense in it is passed over: nginx is the judge of that.
func readHead(b []byte) answerHead {
	h := answerHead{length: -1}
	if len(b) >= 12 {
		h.status, _ = strconv.Atoi(string(b[9:12]))
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return h
		}
		line := bytes.TrimSuffix(b[at:at+i], []byte("\r"))
		at += i + 1
		if len(line) == 0 {
			h.size = at
			return h
		}
		h.field(line)
	}
}

func (h *answerHead) field(line []byte) {
	const length, coding = "content-length", "transfer-encoding"
	switch {
	case named(line, length):
		value := bytes.TrimSpace(line[len(length)+1:])
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			h.length = n
		}
	case named(line, coding):
		value := bytes.TrimSpace(line[len(coding)+1:])
		h.chunked = len(value) >= 7 && bytes.EqualFold(value[len(value)-7:], []byte("chunked"))
	}
}

// named tells whether a line of a head is the field of that name.
func named(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name))
}

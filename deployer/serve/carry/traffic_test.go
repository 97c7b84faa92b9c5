package carry

import (
	"strings"
	"testing"
)

// Each step is a piece of a request (>) or of an answer (<); +N stands for so
// many more bytes.
func TestTraffic(t *testing.T) {
	const (
		get       = "> GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		long      = "< HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
		chunks    = "< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		switching = "< HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
	)
	tests := []struct {
		name  string
		steps []string
		now   int
		vague bool
	}{
		{"nothing yet", nil, quiet, false},
		{"asked", []string{get}, asked, false},
		{"asked with a body", []string{get, "> more", "> more"}, asked, false},
		{"head only", []string{get, long}, answering, false},
		{"part of the body", []string{get, long + "12345"}, answering, false},
		{"whole at once", []string{get, long + "1234567890"}, quiet, false},
		{"whole in pieces", []string{get, long, "< 12345", "< 67890"}, quiet, false},
		{"long body", []string{get, "< HTTP/1.1 200 OK\r\ncontent-length:  100000 \r\n\r\n+65000", "< +34999"}, answering, false},
		{"long body to its end", []string{get, "< HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 100000\r\n\r\n+65000", "< +35000"}, quiet, false},
		{"empty body", []string{get, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, quiet, false},
		{"bare line feeds", []string{get, "< HTTP/1.1 200 OK\nContent-Length: 2\n\nok"}, quiet, false},
		{"second request", []string{get, long + "1234567890", get}, asked, false},
		{"no content", []string{get, "< HTTP/1.1 204 No Content\r\n\r\n"}, quiet, false},
		{"not modified", []string{get, "< HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"}, quiet, false},
		{"answer to HEAD", []string{"> HEAD / HTTP/1.1\r\n\r\n", long}, quiet, false},
		{"GET after HEAD", []string{"> HEAD / HTTP/1.1\r\n\r\n", long, get, long}, answering, false},
		{"until close", []string{get, "< HTTP/1.0 200 OK\r\n\r\nsome"}, answering, false},
		{"early answer to a body", []string{get, long, "> more body", "< 12345"}, answering, true},
		{"chunks", []string{get, chunks + "5\r\nhello\r\n"}, answering, false},
		{"chunks, ended at once", []string{get, chunks + "5\r\nhello\r\n0\r\n\r\n"}, quiet, false},
		{"chunks, ended by a piece of its own", []string{get, chunks, "< 5\r\nhello\r\n", "< 0\r\n\r\n"}, quiet, false},
		{"event stream", []string{get, chunks, "< 5\r\nhello\r\n", "< 5\r\nhello\r\n"}, answering, false},
		{"long chunk", []string{get, chunks, "< 10000\r\n+65536"}, answering, false},
		{"last chunk in parts", []string{get, chunks, "< 5\r\nhello\r\n0", "< \r\n\r", "< \n"}, quiet, false},
		{"last chunk of the answer before", []string{get, chunks + "0\r\n\r\n", get, chunks}, answering, false},
		{"chunk that looked like the last", []string{get, chunks, "< 10\r\n\r\n", "< more"}, answering, true},
		{"head in two parts", []string{get, "< HTTP/1.1 200 OK\r\nContent-", "< Length: 2\r\n\r\nok"}, answering, true},
		{"request after an end that was not seen", []string{get, chunks, "< 10000\r\n+65536", get, long + "1234567890"}, quiet, false},
		{"interim answer", []string{get, "< HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"}, asked, false},
		{"interim answer and the real one", []string{get, "< HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, quiet, false},
		{"websocket", []string{get, switching}, upgraded, false},
		{"websocket that talks", []string{get, switching + "\x81\x05hello", "> \x81\x80", "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, upgraded, false},
		{"websocket on a kept connection", []string{get, long + "1234567890", get, chunks + "0\r\n\r\n", get, switching}, upgraded, false},
		{"websocket after an end that was not seen", []string{get, chunks, "< 10000\r\n+65536", get, switching}, upgraded, false},
		{"websocket with half a head", []string{get, "< HTTP/1.1 101 Swi", "< tching"}, upgraded, false},
		{"not HTTP", []string{"> \x01\x01\x00\x01", "< \x01\x06\x00\x01"}, foreign, false},
		{"HTTP/2", []string{"> PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "< \x00\x00\x12\x04", get, long}, foreign, false},
		{"the app speaks first", []string{"< 220 mail.example"}, foreign, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c traffic
			for _, s := range tt.steps {
				step(&c, s)
			}
			if now, vague := c.state(); now != tt.now || vague != tt.vague && now == answering {
				t.Errorf("is at %d (vague: %v), want %d (%v)", now, vague, tt.now, tt.vague)
			}
		})
	}
}

func step(c *traffic, s string) {
	piece, others := s[2:], 0
	if i := strings.LastIndexByte(piece, '+'); i >= 0 {
		for _, d := range piece[i+1:] {
			others = 10*others + int(d-'0')
		}
		piece = piece[:i]
	}
	if s[0] == '>' {
		c.ToApp(append([]byte(piece), make([]byte, others)...))
	} else {
		c.ToClient(append([]byte(piece), make([]byte, others)...))
	}
}

func FuzzTraffic(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200\r\nTransfer-Encoding: gzip, chunked\n\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c traffic
		c.ToApp([]byte("GET"))
		c.ToClient(b)
		c.ToClient(b)
		if now, _ := c.state(); now == asked && len(b) > 0 && b[0] != 'H' {
			t.Errorf("still waits for an answer after %q", b)
		}
	})
}

func BenchmarkTraffic(b *testing.B) {
	request := []byte("GET /api/items?page=2 HTTP/1.1\r\nHost: my_app\r\nX-Forwarded-For: 10.1.2.3\r\nUser-Agent: bench\r\n\r\n")
	answer := []byte("HTTP/1.1 200 OK\r\nServer: app\r\nDate: Mon, 23 Nov 2026 07:00:00 GMT\r\nContent-Type: application/json\r\nX-Request-Id: 0123456789abcdef\r\nCache-Control: no-store\r\nContent-Length: 5\r\n\r\nhello")
	var c traffic
	for b.Loop() {
		c.ToApp(request)
		c.ToClient(answer)
	}
}

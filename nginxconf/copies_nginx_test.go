package nginxconf

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// nginx goes on through all lines when one of the copies behind the socket is
// bad: each third connection ends without an answer. Without max_fails=0 it would
// soon have no line left.
func TestOneBadCopyHarmsNobody(t *testing.T) {
	for _, blameless := range []bool{true, false} {
		l := newLab(t, behaviour{})
		l.write(l.site, "upstream up { server 127.0.0.1:1; server 127.0.0.1:2; server 127.0.0.1:3; }\nserver { listen FRONT; location / { proxy_pass http://up; } }\n")
		c, err := Load(diskFS{}, l.conf)
		if err != nil {
			t.Fatal(err)
		}
		targets, err := c.Targets(l.site)
		if err != nil {
			t.Fatal(err)
		}
		app := c.Together(targets)[0]
		p, err := c.Plan(Options{Socket: l.dir + "/bad.sock", App: "app", NginxVersion: l.version}, app...)
		if err != nil {
			t.Fatal(err)
		}
		after := string(p.Files[0].After)
		if !blameless {
			after = strings.ReplaceAll(after, " max_fails=0", "")
		}
		l.write(l.site, after)
		badCopies(t, l.dir+"/bad.sock")
		l.start()
		failed := 0
		for range 60 {
			resp, err := http.Get("http://" + l.front + "/")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				failed++
			}
		}
		l.stop()
		t.Logf("max_fails=0 %v: %d of 60 requests failed", blameless, failed)
		if blameless != (failed == 0) {
			t.Errorf("max_fails=0 %v: %d of 60 requests failed", blameless, failed)
		}
	}
}

// badCopies answers two connections and ends each third.
func badCopies(t *testing.T, socket string) {
	t.Helper()
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for n := 1; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			if n%3 != 0 {
				io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
			conn.Close()
		}
	}()
}

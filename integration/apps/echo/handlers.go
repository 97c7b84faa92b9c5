package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Answer is what an ordinary path answers, as JSON.
type Answer struct {
	Version    string `json:"version"`
	Method     string `json:"method"`
	URI        string `json:"uri"`
	Proto      string `json:"proto"`
	Host       string `json:"host"`
	Head       string `json:"head"` // the request head as received, blank line included
	BodyBytes  int64  `json:"body_bytes"`
	BodySHA256 string `json:"body_sha256"`
	Peer       string `json:"peer"`
	Local      string `json:"local"`
}

// Self is what /self answers: how the container was set up.
type Self struct {
	Args     []string `json:"args"`
	Env      []string `json:"env"`
	Dir      string   `json:"dir"`
	UID      int      `json:"uid"`
	GID      int      `json:"gid"`
	Hostname string   `json:"hostname"`
	Status   string   `json:"status"` // /proc/self/status: capabilities and more
	Mounts   string   `json:"mounts"` // /proc/self/mounts
}

// handle answers one request. Paths:
//
//	/healthz             the status that HEALTH names
//	/data?NAME           GET reads, POST writes the file /data/NAME
//	/health              200, or 503 while ECHO_UNHEALTHY lasts
//	/ws                  websocket echo
//	/events              server-sent events: ?every=100ms&count=10 (count 0: for ever)
//	/exit                exit at once with ?code=1
//	/self                how the process runs
//	/file                ?path=P: GET reads, PUT writes a file
//	/stats               open connections and requests served
//	anything else        Answer
//
// On any path ?delay=1s waits before the answer (after reading the body),
// ?status=N sets its status, and ?bytes=N answers with N bytes whose SHA-256 is
// in X-Sha256; ?redir=URL redirects there; ?drip=10ms sends them in pieces of 64 KiB, that far apart.
func (c *conn) handle(req *http.Request, head string) bool {
	q := req.URL.Query()
	if done, ok := c.otherwise(req, q); done {
		return ok
	}
	sum, size := hash(req.Body)
	sleep(q, "delay")
	if c.server.logging {
		fmt.Printf("%s %s %d\n", req.Method, req.RequestURI, size)
	}
	status := number(q, "status", http.StatusOK)
	if c.server.status != 0 {
		status = c.server.status
	}
	switch {
	case req.URL.Path == "/health":
		if c.server.unhealthy > time.Since(c.server.started) {
			status = http.StatusServiceUnavailable
		}
		return c.reply(req, status, "text/plain", []byte(http.StatusText(status)+"\n"))
	case req.URL.Path == "/healthz":
		return c.reply(req, c.server.health, "text/plain", []byte(http.StatusText(c.server.health)+"\n"))
	case req.URL.Path == "/ws":
		return c.websocket(req)
	case req.URL.Path == "/events":
		return c.events(req, q)
	case req.URL.Path == "/exit":
		fmt.Fprintln(os.Stderr, "echo: told to exit")
		os.Exit(number(q, "code", 1))
	case req.URL.Path == "/self":
		return c.replyJSON(req, status, self())
	case req.URL.Path == "/file":
		return c.file(req, q.Get("path"))
	case req.URL.Path == "/stats":
		return c.stats(req)
	case q.Has("bytes"):
		return c.bytes(req, status, q)
	}
	return c.replyJSON(req, status, Answer{
		Version: c.server.version, Method: req.Method, URI: req.RequestURI, Proto: req.Proto, Host: req.Host,
		Head: head, BodyBytes: size, BodySHA256: sum, Peer: c.RemoteAddr().String(), Local: c.LocalAddr().String(),
	})
}

// otherwise answers what is no echo: a request for another host, a redirect, a
// data file. done says that it has answered.
func (c *conn) otherwise(req *http.Request, q url.Values) (done, ok bool) {
	own := c.server.ownHost
	switch {
	case own != "" && req.Host != own:
		return true, c.reply(req, http.StatusBadRequest, "text/plain", []byte("not my host\n"))
	case own != "" && req.Header.Get("X-Forwarded-Proto") != "https":
		return true, c.redirect(req, http.StatusMovedPermanently, "https://"+own+req.RequestURI)
	case q.Has("redir"):
		return true, c.redirect(req, http.StatusFound, q.Get("redir"))
	case req.URL.Path == "/data":
		return true, c.data(req, "/data/"+filepath.Base(req.URL.RawQuery))
	}
	return false, false
}

func (c *conn) redirect(req *http.Request, status int, to string) bool {
	io.Copy(io.Discard, req.Body)
	_, finish := c.start(req, status, 0, "Location", to)
	return finish() == nil
}

func (c *conn) data(req *http.Request, path string) bool {
	if req.Method != http.MethodPost {
		return c.file(req, path)
	}
	body, err := io.ReadAll(req.Body)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, body, 0o644)
	}
	if err != nil {
		return c.reply(req, http.StatusInternalServerError, "text/plain", []byte(err.Error()+"\n"))
	}
	return c.reply(req, http.StatusOK, "text/plain", []byte("written\n"))
}

func (c *conn) replyJSON(req *http.Request, status int, v any) bool {
	data, err := json.Marshal(v)
	return err == nil && c.reply(req, status, "application/json", append(data, '\n'))
}

func (c *conn) bytes(req *http.Request, status int, q url.Values) bool {
	n := int64(number(q, "bytes", 0))
	sum, _ := hash(random(n))
	body, finish := c.start(req, status, n, "Content-Type", "application/octet-stream", "X-Sha256", sum)
	src := random(n)
	for piece := int64(64 << 10); ; {
		m, err := io.CopyN(body, src, piece)
		if err == io.EOF || m == 0 {
			return finish() == nil
		}
		if err != nil {
			return false
		}
		if q.Has("drip") {
			c.out.Flush()
			sleep(q, "drip")
		}
	}
}

func (c *conn) events(req *http.Request, q url.Values) bool {
	body, finish := c.start(req, http.StatusOK, -1, "Content-Type", "text/event-stream", "Cache-Control", "no-store", "X-Accel-Buffering", "no")
	every, err := time.ParseDuration(q.Get("every"))
	if err != nil {
		every = 100 * time.Millisecond
	}
	for i, count := 1, number(q, "count", 0); count == 0 || i <= count; i++ {
		fmt.Fprintf(body, "id: %d\ndata: %s\n\n", i, c.server.version)
		if c.out.Flush() != nil {
			return false
		}
		time.Sleep(every)
	}
	return finish() == nil
}

func (c *conn) file(req *http.Request, path string) bool {
	if req.Method == http.MethodPut {
		if err := os.WriteFile(path, []byte(req.URL.Query().Get("text")), 0o644); err != nil {
			return c.reply(req, http.StatusInternalServerError, "text/plain", []byte(err.Error()+"\n"))
		}
		return c.reply(req, http.StatusOK, "text/plain", []byte("written\n"))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return c.reply(req, http.StatusNotFound, "text/plain", []byte(err.Error()+"\n"))
	}
	return c.reply(req, http.StatusOK, "application/octet-stream", data)
}

func (c *conn) stats(req *http.Request) bool {
	c.server.mu.Lock()
	open, served := len(c.server.conns), c.server.served
	c.server.mu.Unlock()
	return c.replyJSON(req, http.StatusOK, map[string]int64{"open": int64(open), "served": served})
}

func self() Self {
	dir, _ := os.Getwd()
	hostname, _ := os.Hostname()
	status, _ := os.ReadFile("/proc/self/status")
	mounts, _ := os.ReadFile("/proc/self/mounts")
	return Self{
		Args: os.Args, Env: os.Environ(), Dir: dir, UID: os.Getuid(), GID: os.Getgid(),
		Hostname: hostname, Status: string(status), Mounts: string(mounts),
	}
}

func hash(r io.Reader) (string, int64) {
	h := sha256.New()
	n, _ := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), n
}

// random is the same n bytes on every call.
func random(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

func sleep(q url.Values, key string) {
	if d, err := time.ParseDuration(q.Get(key)); err == nil {
		time.Sleep(d)
	}
}

func number(q url.Values, key string, fallback int) int {
	if n, err := strconv.Atoi(q.Get(key)); err == nil {
		return n
	}
	return fallback
}

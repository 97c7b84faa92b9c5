// Command echo is the app of the end-to-end tests: an HTTP server that tells
// what it received, down to the raw request head, and that misbehaves on
// request. It reads HTTP with its own loop because net/http forgets the order
// and the case of headers, and because the tests need to decide who closes a
// connection, and when.
//
// Behaviour comes from the environment, so that an image's ENV, or docker run
// -e, makes a variant:
//
//	ECHO_VERSION     reported in every answer (default "v1")
//	ECHO_LISTEN      address (default ":8080"), "fd" for the passed descriptors from 3
//	                 on, or "auto": those where LISTEN_FDS announces some, else :8080
//	ECHO_BOOT_DELAY  listen only after this long
//	ECHO_BOOT_EXIT   exit at boot with this status, before listening
//	ECHO_EXIT_AFTER  exit with status 1 this long after listening
//	ECHO_UNHEALTHY   /health answers 503 for this long after listening
//	ECHO_STATUS      answer every request, /health included, with this status
//	ECHO_TERM        on SIGTERM: graceful (default), exit (at once) or ignore
//	ECHO_IDLE        close a kept-alive connection idle for this long (default 75s)
//	ECHO_LOG         if set, one line on stdout per request
//	ECHO_OWN_HOST    answer 400 to any other Host, and redirect to https what does
//	                 not say X-Forwarded-Proto: https
//	PORT, VER, BOOT  a port to listen on, ECHO_VERSION and ECHO_BOOT_DELAY, as site
//	                 files that come with a docker run command set them
//	ALSO             more ports to listen on
//	HEALTH           status of /healthz (default 200)
//	STOP             on SIGTERM: stop listening, exit after this long
//
// "echo healthcheck" asks the running server's /health and exits 0 or 1, for
// an image's HEALTHCHECK. See handlers.go for the paths and query parameters.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type server struct {
	version   string
	idle      time.Duration
	status    int
	unhealthy time.Duration
	health    int
	ownHost   string
	logging   bool
	started   time.Time

	mu       sync.Mutex
	conns    map[*conn]bool // true: waiting for a request
	draining bool
	served   int64
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		os.Exit(healthcheck())
	}
	if code := integer("ECHO_BOOT_EXIT", -1); code >= 0 {
		fmt.Fprintln(os.Stderr, "echo: told to exit at boot")
		os.Exit(code)
	}
	time.Sleep(duration("BOOT", duration("ECHO_BOOT_DELAY", 0)))
	l, err := listen(address())
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
	also, err := passed()
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
	for _, port := range strings.Fields(os.Getenv("ALSO")) {
		more, err := listen(":" + port)
		if err != nil {
			fmt.Fprintln(os.Stderr, "echo:", err)
			os.Exit(1)
		}
		also = append(also, more)
	}
	s := &server{
		version:   text("VER", text("ECHO_VERSION", "v1")),
		idle:      duration("ECHO_IDLE", 75*time.Second),
		status:    integer("ECHO_STATUS", 0),
		unhealthy: duration("ECHO_UNHEALTHY", 0),
		logging:   os.Getenv("ECHO_LOG") != "",
		ownHost:   os.Getenv("ECHO_OWN_HOST"),
		health:    integer("HEALTH", http.StatusOK),
		started:   time.Now(),
		conns:     map[*conn]bool{},
	}
	fmt.Printf("echo %s listening on %s\n", s.version, l.Addr())
	if after := duration("ECHO_EXIT_AFTER", 0); after > 0 {
		time.AfterFunc(after, func() {
			fmt.Fprintln(os.Stderr, "echo: told to exit")
			os.Exit(1)
		})
	}
	all := append(also, l)
	for _, l := range all {
		go s.accept(l)
	}
	s.waitTerm(all, text("ECHO_TERM", "graceful"))
}

func address() string { return text("ECHO_LISTEN", ":"+text("PORT", "8080")) }

func listen(address string) (net.Listener, error) {
	if address == "auto" {
		address = map[bool]string{true: "fd", false: ":8080"}[os.Getenv("LISTEN_FDS") != ""]
	}
	if address != "fd" {
		return net.Listen("tcp", address)
	}
	return inherited(3)
}

// passed are the listening sockets beside the first, where that is used.
func passed() (more []net.Listener, err error) {
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if a := address(); a != "fd" && a != "auto" {
		n = 0
	}
	for fd := 4; fd < 3+n && err == nil; fd++ {
		var l net.Listener
		l, err = inherited(fd)
		more = append(more, l)
	}
	return more, err
}

func inherited(fd int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	return net.FileListener(f)
}

func (s *server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "echo: accept:", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go newConn(s, c).serve()
	}
}

func (s *server) waitTerm(all []net.Listener, mode string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGINT)
	for range term {
		fmt.Println("echo: SIGTERM,", mode)
		switch mode {
		case "ignore":
		case "exit":
			os.Exit(0)
		default:
			for _, l := range all {
				l.Close()
			}
			time.Sleep(duration("STOP", 0))
			s.drain()
			os.Exit(0)
		}
	}
}

// drain closes idle connections and waits for busy ones.
func (s *server) drain() {
	s.mu.Lock()
	s.draining = true
	for c, idle := range s.conns {
		if idle {
			c.SetReadDeadline(time.Now())
		}
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		left := len(s.conns)
		s.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// setIdle records what c does; false means that it must close now.
func (s *server) setIdle(c *conn, idle bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = idle
	if !idle {
		s.served++
	}
	return !idle || !s.draining
}

func (s *server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

func healthcheck() int {
	_, port, err := net.SplitHostPort(address())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + net.JoinHostPort("127.0.0.1", port) + "/health")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	if resp.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

func text(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func duration(name string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(text(name, fallback.String()))
	if err != nil {
		fatal(name, err)
	}
	return d
}

func integer(name string, fallback int) int {
	n, err := strconv.Atoi(text(name, strconv.Itoa(fallback)))
	if err != nil {
		fatal(name, err)
	}
	return n
}

func fatal(name string, err error) {
	fmt.Fprintf(os.Stderr, "echo: %s: %v\n", name, err)
	os.Exit(2)
}

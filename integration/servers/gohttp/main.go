// Command gohttp is a user's ordinary Go server that takes its listener from
// systemd's protocol if there is one, and its port 8080 if not. It answers like
// the echo app. The paths below /do make it a bad tenant of the socket it was
// given:
//
//	/do/shutdown   shutdown(2) on the listener
//	/do/shrink     listen(2) with a backlog of 0
//	/do/fill       write into the hand-off directory
//
// The rest: /health says "ok", /self tells arguments, user, and the descriptors
// open when main began. "gohttp ask URL" is for an image's HEALTHCHECK.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// listenFD is SD_LISTEN_FDS_START.
const listenFD = 3

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 && os.Args[1] == "ask" {
		if _, err := http.Get(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	self := map[string]any{"args": os.Args, "uid": os.Getuid(), "pid": os.Getpid(), "fds": descriptors(), "names": os.Getenv("LISTEN_FDNAMES")}
	keep, _ := syscall.Dup(listenFD) // the listener below owns the descriptor
	l, err := listener()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", answer)
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	http.HandleFunc("/self", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(self) })
	http.HandleFunc("/do/shutdown", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, syscall.Shutdown(keep, syscall.SHUT_RDWR))
	})
	http.HandleFunc("/do/shrink", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, syscall.Listen(keep, 0)) })
	http.HandleFunc("/do/fill", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, fill("/.edgeman/handoff")) })
	serve(l)
}

func listener() (net.Listener, error) {
	passed, err := activation.Listeners()
	if err != nil || len(passed) == 0 {
		return net.Listen("tcp", ":8080")
	}
	return passed[0], nil
}

// serve stops on SIGTERM as net/http's documentation shows it.
func serve(l net.Listener) {
	server := &http.Server{}
	term, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	<-term.Done()
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	<-ended
}

func answer(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	io.Copy(sum, r.Body)
	if d, err := time.ParseDuration(r.URL.Query().Get("delay")); err == nil {
		time.Sleep(d)
	}
	json.NewEncoder(w).Encode(map[string]string{
		"version": os.Getenv("APP_VERSION"), "method": r.Method, "uri": r.RequestURI, "body_sha256": hex.EncodeToString(sum.Sum(nil)),
	})
}

// descriptors lists what is open without opening anything.
func descriptors() map[string]string {
	open := map[string]string{}
	buf := make([]byte, 256)
	for fd := range 256 {
		if n, err := syscall.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf); err == nil {
			open[strconv.Itoa(fd)] = string(buf[:n])
		}
	}
	return open
}

// fill is what a container would do that wants the host's /run full.
func fill(dir string) error {
	return os.WriteFile(dir+"/junk", make([]byte, 1<<20), 0o666)
}

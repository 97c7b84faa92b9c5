//go:build integration

package docker

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary the app of every image as well: the images are
// made FROM scratch with this one file as /app, /bin/sh and /init.
func TestMain(m *testing.M) {
	if os.Getenv("EDGEMAN_TEST_APP") != "" {
		os.Exit(app(os.Args))
	}
	os.Exit(m.Run())
}

// app understands a few words: serve, exit N, say TEXT, lines N, long N, touch
// PATH, env, args, sleep; as sh, "-c" with these separated by semicolons; as
// init, it runs what follows in its place.
func app(args []string) int {
	switch args[0] {
	case "/bin/sh":
		code := 0
		for _, c := range strings.Split(args[len(args)-1], ";") {
			code = word(strings.Fields(c))
		}
		return code
	case InitPath:
		fmt.Printf("init pid %d: %s\n", os.Getpid(), strings.Join(args[1:], " "))
		if _, err := os.Stat(HandoffPath + "/token"); err != nil {
			fmt.Println(err)
			return 70
		}
		if err := os.WriteFile(HandoffPath+"/x", nil, 0o600); err == nil {
			fmt.Println("the hand-off directory is writable")
			return 71
		}
		if err := syscall.Exec(args[2], args[2:], os.Environ()); err != nil {
			fmt.Println(err)
		}
		return 72
	}
	return word(args[1:])
}

func word(w []string) int {
	if len(w) == 0 {
		w = []string{"serve"}
	}
	n := 0
	if len(w) > 1 {
		n, _ = strconv.Atoi(w[1])
	}
	switch w[0] {
	case "serve":
		return serve()
	case "exit":
		return n
	case "say":
		fmt.Println(strings.Join(w[1:], " "))
	case "lines":
		for i := range n {
			fmt.Fprintln([]*os.File{os.Stdout, os.Stderr}[i%2], "line", i)
		}
		return serve()
	case "long":
		fmt.Println(strings.Repeat("0123456789", n/10))
		fmt.Println("after")
		return serve()
	case "touch":
		for _, p := range w[1:] {
			if err := os.WriteFile(p, []byte("x"), 0o644); err != nil {
				fmt.Println(err)
				return 1
			}
		}
	case "mkdir":
		_ = os.MkdirAll(w[1], 0o755)
	case "rm":
		_ = os.Remove(w[1])
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "pwd":
		fmt.Println(os.Getwd())
	case "sleep":
		time.Sleep(time.Duration(n) * time.Second)
	default:
		fmt.Println(w)
		return 127
	}
	return 0
}

func serve() int {
	fmt.Println("args", strings.Join(os.Args, "|"))
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGINT)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n\r\n%s", os.Getenv("VERSION"))
			c.Close()
		}
	}()
	switch <-stop {
	case syscall.SIGTERM:
		return 15
	case syscall.SIGUSR1:
		return 10
	}
	return 2
}

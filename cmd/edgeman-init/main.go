// Edgeman-init starts a container's own program with listening sockets as the
// descriptors from 3 on. It fetches them from edgeman over a Unix socket, tells
// the program about them in the way of sd_listen_fds(3), and becomes the program
// with execve(2), so that process id, signals and exit code are the program's.
//
//	edgeman-init SOCKET PROGRAM [ARGUMENT...]
//	edgeman-init hold
//
// The second form does nothing until it is killed: a container that runs keeps
// its image and its volumes from those who clean up.
//
// Exit codes of its own: 125 when no listening socket could be had, 126 when
// PROGRAM could not be executed, 127 when it was not found. The reason stands
// on standard error.
//
// It is mounted into containers of any kind and runs as any user, so it is
// static and small: no package that brings the resolver, formatting or
// reflection along.
package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The exit codes are those that the docker command uses for the same things.
const (
	exitHandoff       = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// listenFD is SD_LISTEN_FDS_START.
const listenFD = 3

func main() {
	if len(os.Args) == 2 && os.Args[1] == "hold" {
		for {
			_ = syscall.Pause() // ends with a signal that is not minded
		}
	}
	if len(os.Args) < 3 {
		fail(exitHandoff, "usage: edgeman-init SOCKET PROGRAM [ARGUMENT...]")
	}
	names, err := fetch(os.Args[1], listenFD)
	if err != nil {
		fail(exitHandoff, "fetching the listening sockets: "+err.Error())
	}
	args := os.Args[2:]
	path, err := find(args[0], os.Getenv("PATH"))
	if err == nil {
		err = syscall.Exec(path, args, environment(os.Environ(), os.Getpid(), names))
	}
	code := exitNotExecutable
	if err == syscall.ENOENT || err == errNotInPath {
		code = exitNotFound
	}
	fail(code, "starting "+strconv.Quote(args[0])+": "+err.Error())
}

func fail(code int, reason string) {
	os.Stderr.WriteString("edgeman-init: " + reason + "\n")
	os.Exit(code)
}

var errNotInPath = errors.New("executable file not found in PATH")

// defaultPath is what a container gets that has no PATH of its own.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find looks a program up as the container runtime would have done: as it is
// when it holds a slash, else in the directories of path. An empty directory
// in path is the current one.
func find(program, path string) (string, error) {
	if strings.Contains(program, "/") {
		return program, executable(program)
	}
	if path == "" {
		path = defaultPath
	}
	result := errNotInPath
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + program
		switch err := executable(candidate); err {
		case nil:
			return candidate, nil
		case syscall.EACCES:
			result = err // there, but not for us: the better reason
		}
	}
	return "", result
}

// executable reports why path cannot be executed, or nil.
func executable(path string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return syscall.EACCES
	}
	const executeOK = 1
	return syscall.Access(path, executeOK)
}

// environment returns env with the variables of sd_listen_fds(3) for descriptors
// of those names. Variables of that name that the image or we ourselves came with
// meant other descriptors.
func environment(env []string, pid int, names []string) []string {
	out := make([]string, 0, len(env)+3)
	for _, v := range env {
		switch key, _, _ := strings.Cut(v, "="); key {
		case "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES":
		default:
			out = append(out, v)
		}
	}
	return append(out, "LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_PID="+strconv.Itoa(pid), "LISTEN_FDNAMES="+strings.Join(names, ":"))
}

// Edgeman-init starts a container's own program with a listening socket as
// descriptor 3. It fetches the socket from edgeman over a Unix socket, tells
// the program about it in the way of sd_listen_fds(3), and becomes the program
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
	"os"
	"strconv"
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
	name, err := fetch(os.Args[1], listenFD)
	if err != nil {
		fail(exitHandoff, "fetching the listening socket: "+err.Error())
	}
	args := os.Args[2:]
	path, err := find(args[0], os.Getenv("PATH"))
	if err == nil {
		err = syscall.Exec(path, args, environment(os.Environ(), os.Getpid(), name))
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

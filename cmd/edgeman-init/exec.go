package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

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

// environment returns env with the variables of sd_listen_fds(3) for one
// descriptor. Variables of that name that the image or we ourselves came with
// meant other descriptors.
func environment(env []string, pid int, name string) []string {
	out := make([]string, 0, len(env)+3)
	for _, v := range env {
		switch key, _, _ := strings.Cut(v, "="); key {
		case "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES":
		default:
			out = append(out, v)
		}
	}
	return append(out, "LISTEN_FDS=1", "LISTEN_PID="+strconv.Itoa(pid), "LISTEN_FDNAMES="+name)
}

// Command failpoint runs a program and stops it at an exact place: at the N-th
// change that it makes to files. That is how the tests kill a command, or cut a
// host's power, between every two states that can be found on disk, and how they
// let each single write fail, without a hook in the program.
//
//	failpoint -at 7 -do kill -under /var/lib/edgeman,/etc -- edgeman swap myapp v2
//
// The kernel asks about each of the calls before it carries it out
// (SECCOMP_RET_USER_NOTIF, seccomp(2)) and waits for the answer. The report says
// what the program was about to do:
//
//	7 renameat /var/lib/edgeman/apps/myapp/operation.json
//
// The program keeps its process id and its descriptors. It must not be under a
// system call filter of its own that forbids seccomp(2).
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The groups of calls that can be asked for.
var groups = map[string][]uint32{
	// What others can see: between two of these the state on disk is the same.
	"changes": {unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_MKDIRAT},
	// What needs room on a disk.
	"writes": {unix.SYS_OPENAT, unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FSYNC, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_MKDIRAT},
}

func main() {
	var p plan
	calls := flag.String("calls", "changes", "which calls count: changes or writes")
	under := flag.String("under", "/", "directories whose files count, separated by commas")
	flag.IntVar(&p.at, "at", 0, "act at this call, counted from 1; 0: at none")
	flag.StringVar(&p.do, "do", "kill", "what to do: kill, freeze or enospc; enospc holds from then on")
	flag.StringVar(&p.report, "report", "", "append the call that was acted on, or with -at 0 every call, to this file")
	listener := flag.Bool("listener", false, "internal: watch the program whose listener comes on standard input")
	flag.Parse()
	p.under = strings.Split(*under, ",")
	var err error
	switch {
	case *listener:
		err = watch(p)
	case flag.NArg() == 0:
		err = errors.New("no program to run")
	default:
		err = start(groups[*calls], flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failpoint:", err)
		os.Exit(125)
	}
}

// start turns this process into the program, with a watcher as its child.
func start(calls []uint32, args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "watcher")
	watcher := exec.Command("/proc/self/exe", append([]string{"-listener"}, os.Args[1:]...)...)
	watcher.Stdin = theirs
	watcher.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := watcher.Start(); err != nil {
		return err
	}
	theirs.Close()
	runtime.LockOSThread() // the filter is this thread's, and the thread is what becomes the program
	fd, err := filter(calls)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fd), nil, 0); err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// filter makes the kernel ask about the calls, of this thread and of what it
// becomes, and returns the descriptor that the questions come from.
func filter(calls []uint32) (int, error) {
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	for _, nr := range calls {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	return install(program)
}

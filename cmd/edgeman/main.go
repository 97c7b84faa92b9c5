// Command edgeman swaps the container behind a hand-written nginx site without
// dropping a request. Each subcommand has its own file; what it does is in the
// packages below deployer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"edgeman/check"
	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/program"
	"edgeman/deployer/state"
)

// version is set by the build from git.
var version string

func main() {
	os.Exit(run(os.Args, &environment{
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		paths:    state.DefaultPaths(),
		euid:     os.Geteuid(),
		open:     openParts,
		checked:  checkedHost,
		exec:     become,
		terminal: func() bool { return term.IsTerminal(int(os.Stdout.Fd())) },
	}))
}

// environment is what the program meets outside; tests have one of their own.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	paths          state.Paths
	system         program.System
	euid           int
	open           func(ctx context.Context, h *host, parts []part) (func(), error)
	checked        func(ctx context.Context, env *environment) (check.Env, func()) // what check looks at
	exec           func(argv []string) error                                       // becomes another program
	terminal       func() bool                                                     // whether stdout is one
}

// run is main without the exit: it returns the exit code.
func run(args []string, env *environment) int {
	// A reader that has gone makes a write fail, which is dealt with where it is
	// written. It is no reason to die, in the middle or with another exit code.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	app := newApp(env)
	if len(args) > 1 && args[1] == completeWord {
		complete(env, app, args[2:])
		return outcome.ExitDone
	}
	args, err := reorder(app, args)
	if err == nil {
		err = app.RunContext(context.Background(), args)
	}
	if err == nil {
		return outcome.ExitDone
	}
	if text := strings.TrimRight(hint.Text(err), "\n"); text != "" && !readerGone(err) {
		fmt.Fprintf(env.stderr, "edgeman: %s\n", text)
	}
	return exitCode(err)
}

// readerGone tells whether a write failed because its reader, like head, had enough.
func readerGone(err error) bool {
	var failed *os.PathError
	return errors.As(err, &failed) && failed.Path == os.Stdout.Name() && errors.Is(err, syscall.EPIPE)
}

// programVersion is what the build was given, else what Go recorded.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// become replaces this process by another program.
func become(argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("starting %s: %w", path, syscall.Exec(path, argv, os.Environ()))
}

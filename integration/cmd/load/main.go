// Command load runs package load inside a test host: options as JSON in its
// only argument, the result as JSON on stdout. It stops when its standard input
// ends, or after -for. With -paced the options are a load.Pace, which says itself
// how long. Otherwise an empty line comes first, when it begins. With -switches the arguments are a symlink and a URL.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"edgeman/integration/load"
)

func main() {
	limit := flag.Duration("for", 0, "stop after this long instead of at the end of standard input")
	paced := flag.Bool("paced", false, "measure how long answers take at a steady rate")
	switches := flag.Bool("switches", false, "measure how long switches of a symlink take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case *limit > 0:
		ctx, stop = context.WithTimeout(ctx, *limit)
		defer stop()
	case !*paced:
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	switch {
	case *paced:
		var p load.Pace
		options(&p)
		result, err := load.RunPaced(ctx, p)
		print(result, err)
	case *switches:
		took, err := load.Switches(ctx, flag.Arg(0), flag.Arg(1))
		print(took, err)
	default:
		var o load.Options
		options(&o)
		fmt.Println() // it begins
		result := load.Run(ctx, o)
		print(result, nil)
		fmt.Fprintln(os.Stderr, "load:", result)
	}
}

func options(o any) {
	if err := json.Unmarshal([]byte(flag.Arg(0)), o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

func print(result any, err error) {
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

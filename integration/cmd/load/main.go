// Command load runs package load inside a test host: options as JSON in its
// only argument, the result as JSON on stdout. It stops when its standard input
// ends, or after -for.
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
	flag.Parse()
	var o load.Options
	if err := json.Unmarshal([]byte(flag.Arg(0)), &o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *limit > 0 {
		ctx, stop = context.WithTimeout(ctx, *limit)
		defer stop()
	} else {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	result := load.Run(ctx, o)
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "load:", result)
}

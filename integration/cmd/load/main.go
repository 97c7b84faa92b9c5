// Command load runs package load inside a test host: options as JSON in its
// only argument, the result as JSON on stdout. It stops when its standard input
// ends, or after -for. With -paced the options are a load.Pace.
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
	flag.Parse()
	if *paced {
		runPaced()
		return
	}
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
	print(result)
	fmt.Fprintln(os.Stderr, "load:", result)
}

func runPaced() {
	var p load.Pace
	if err := json.Unmarshal([]byte(flag.Arg(0)), &p); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	result, err := load.RunPaced(context.Background(), p)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	print(result)
}

func print(result any) {
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

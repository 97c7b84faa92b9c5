package main

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"edgeman/deployer/docker/adoptable"
)

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as JSON on stdout"}
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "print what would be done and change nothing"}
}

// letWaitFlag is for commands that make requests wait.
func letWaitFlag() *cli.BoolFlag {
	return &cli.BoolFlag{Name: "let-wait", Usage: "accept that requests fail which have to wait longer than nginx does"}
}

func drainFlag() *cli.DurationFlag {
	return &cli.DurationFlag{
		Name: "drain", DefaultText: "from the app file, 60s",
		Usage: "let old connections go on for `DURATION` after the switch",
	}
}

func timeoutFlag() *cli.DurationFlag {
	return &cli.DurationFlag{
		Name: "timeout", DefaultText: "from the app file, 60s",
		Usage: "give the new container `DURATION` to become healthy",
	}
}

// allowFlag accepts the refusal of that code.
func allowFlag(code, usage string) cli.Flag {
	return &cli.BoolFlag{Name: "allow-" + code, Usage: usage}
}

// layerFlag is for every command that takes a container away.
func layerFlag() cli.Flag {
	return allowFlag(adoptable.CodeWritableLayer, "accept that files in the live container's own layer go with it")
}

// allowed are the codes of the refusals that the command line accepts.
func allowed(c *cli.Context) (codes []string) {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if code, ok := strings.CutPrefix(name, "allow-"); ok && c.Bool(name) {
			codes = append(codes, code)
		}
	}
	return codes
}

// limits are the values of drainFlag and timeoutFlag.
func limits(c *cli.Context) (drain, timeout time.Duration, err error) {
	if drain, err = duration(c, "drain"); err != nil {
		return 0, 0, err
	}
	timeout, err = duration(c, "timeout")
	return drain, timeout, err
}

// duration is a flag's value; negative ones make no sense anywhere here. Zero
// stands for "not given" in the options, so a given zero becomes the shortest
// time there is.
func duration(c *cli.Context, name string) (time.Duration, error) {
	d := c.Duration(name)
	switch {
	case !c.IsSet(name):
		return 0, nil
	case d < 0:
		return 0, usage("--%s %s is negative", name, d)
	case d == 0 && name == "timeout":
		return 0, usage("--timeout 0s leaves no time to become healthy")
	case d == 0:
		return 1, nil
	}
	return d, nil
}

// lineCount is --lines of the commands that show the end of something.
func lineCount(c *cli.Context) (int, error) {
	n := c.Int("lines")
	if n < 0 {
		return 0, usage("--lines %d is negative", n)
	}
	return n, nil
}

// oneOf checks a flag whose value is a word; empty means "not given".
func oneOf(c *cli.Context, name string, words ...string) (string, error) {
	v := c.String(name)
	if !c.IsSet(name) || slices.Contains(words, v) {
		return v, nil
	}
	return "", usage("--%s %q is none of %s", name, v, strings.Join(words, ", "))
}

// coloured follows --color, and the conventions of terminals otherwise.
func coloured(env *environment, c *cli.Context) bool {
	switch c.String("color") {
	case "always":
		return true
	case "never":
		return false
	}
	return env.terminal() && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

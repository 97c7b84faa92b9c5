package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Confirm asks on a terminal; without one only --yes goes on.
func (c *Console) Confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if in, ok := c.In.(io.Writer); !ok || !IsTerminal(in) {
		return hint.With(outcome.Usage("there is no terminal to ask on"), "--yes applies the plan, --dry-run only shows it")
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() { // a read cannot be interrupted, but need not be waited for
		answer, _ := bufio.NewReader(c.In).ReadString('\n')
		answered <- answer
	}()
	var answer string
	select {
	case answer = <-answered:
	case <-ctx.Done():
		return &outcome.RefusedError{Err: fmt.Errorf("%w; nothing was changed", context.Cause(ctx))}
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return outcome.Refuse("not applied; nothing was changed")
	}
	return nil
}

package main

import (
	"testing"

	"github.com/urfave/cli/v2"
)

func TestStrategy(t *testing.T) {
	for word, want := range map[string]string{"": "", "overlap": "overlap", "stop-first": "stop-first", "recreate": "stop-first"} {
		t.Run(word, func(t *testing.T) {
			args := []string{"edgeman"}
			if word != "" {
				args = append(args, "--strategy", word)
			}
			app := &cli.App{Flags: swapFlags(), Action: func(c *cli.Context) error {
				got, err := strategy(c)
				if got != want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
				return nil
			}}
			if err := app.Run(args); err != nil {
				t.Error(err)
			}
		})
	}
}

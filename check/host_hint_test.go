package check

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"edgeman/deployer/hint"
)

func TestRecordsHint(t *testing.T) {
	for want, err := range map[string]error{
		"run it as root":      fmt.Errorf("open app.toml: %w", fs.ErrPermission),
		"edgeman repair shop": hint.New("edgeman repair shop", "app.toml is missing"),
		"edgeman status":      errors.New("app.toml:3:1: unknown setting"),
	} {
		if got := recordsHint(err); got != want {
			t.Errorf("%v: hint %q, want %q", err, got, want)
		}
	}
}

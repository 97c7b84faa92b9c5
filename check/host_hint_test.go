package check

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestRecordsHint(t *testing.T) {
	for want, err := range map[string]error{
		"run it as root":      fmt.Errorf("open app.toml: %w", fs.ErrPermission),
		"edgeman repair shop": errors.New("app.toml is missing\nhint: edgeman repair shop"),
		"edgeman status":      errors.New("app.toml:3:1: unknown setting"),
	} {
		if got := recordsHint(err); got != want {
			t.Errorf("%v: hint %q, want %q", err, got, want)
		}
	}
}

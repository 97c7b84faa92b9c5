package console

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A line longer than the terminal is wide would be broken, and redrawn below itself.
func TestLineFitsTheTerminal(t *testing.T) {
	long := "  start    release 22 on blue is not healthy yet: GET /healthz: dial tcp 172.17.0.4:8080: connect: connection refused (1.3s)"
	for width, want := range map[int]string{
		0: long, 200: long,
		80: "  start    release 22 on blue is not healthy yet: GET /hea…ction refused (1.3s)",
	} {
		if got := cut(long, width); got != want || width > 0 && utf8.RuneCountInString(got) >= width && got != long {
			t.Errorf("%d columns: %q", width, got)
		}
	}
	if got := cut(strings.Repeat("é", 100), 80); utf8.RuneCountInString(got) != 79 {
		t.Errorf("%d runes", utf8.RuneCountInString(got))
	}
}

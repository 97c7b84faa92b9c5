package edit

import (
	"strings"
	"testing"
)

// TestTakeBackOfWhatWentAway: an edit that leaves no text is known by what is
// around it.
func TestTakeBackOfWhatWentAway(t *testing.T) {
	before := "upstream a {\n    server 127.0.0.1:1;\n    server 127.0.0.1:2;\n    keepalive 2;\n}\n"
	cut := func(text, with string) Edit {
		at := strings.Index(before, text)
		return Edit{Start: at, End: at + len(text), New: with}
	}
	edited := func(edits ...Edit) FileEdit {
		fe := FileEdit{Path: "/etc/nginx/site", Before: []byte(before), After: apply([]byte(before), edits), Edits: edits}
		fe.BeforeSum, fe.AfterSum = sum(fe.Before), sum(fe.After)
		return fe
	}
	all := cut(before, "")
	for name, fe := range map[string]FileEdit{
		"a line":                     edited(cut("    server 127.0.0.1:2;\n", "")),
		"a line beside another":      edited(cut("127.0.0.1:1", "unix:/s"), cut("    server 127.0.0.1:2;\n", "")),
		"a line before another":      edited(cut("    server 127.0.0.1:2;\n", ""), cut("keepalive 2", "keepalive 3")),
		"two, and something between": edited(cut("    server 127.0.0.1:1;\n", ""), cut("127.0.0.1:2", "unix:/s"), cut("    keepalive 2;\n", "")),
		"a blank for a line":         edited(cut("    server 127.0.0.1:2;\n", "\n")),
	} {
		current := "# mine\n" + string(fe.After) + "# and mine\n"
		if got, gone, err := fe.TakeBack([]byte(current)); err != nil || len(gone) > 0 || string(got) != "# mine\n"+before+"# and mine\n" {
			t.Errorf("%s: %v, %v gone, got\n%s", name, err, gone, got)
		}
	}
	if got, gone, err := edited(all).TakeBack([]byte("# mine\n")); err != nil || len(gone) != 1 || string(got) != "# mine\n" {
		t.Errorf("all of it: %q, %v, %v", got, gone, err)
	}
}

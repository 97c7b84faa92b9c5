package edit

import (
	"testing"
)

// TestProofOfTokens: nothing outside the edits changes, and no edit begins inside
// a word.
func TestProofOfTokens(t *testing.T) {
	const src = "a 'b c' d; # e\n"
	for _, tt := range []struct {
		edit Edit
		want bool
	}{
		{Edit{Start: 10, End: 10, New: "\nf;"}, true},
		{Edit{Start: 3, End: 6, New: "x y"}, true},
		{Edit{Start: 4, End: 4, New: "x"}, false},
		{Edit{Start: 10, End: 10, New: " #"}, true},
		{Edit{Start: 13, End: 13, New: "\n"}, false},
		{Edit{Start: 7, End: 7, New: "x"}, false},
	} {
		edits := []Edit{tt.edit}
		if got := sameTokens([]byte(src), apply([]byte(src), edits), edits); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.edit, got, tt.want)
		}
	}
}

package edit

import (
	"math/rand/v2"
	"testing"
)

// Two edits one after the other are one edit of the file as it was.
func TestThen(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 0))
		text := make([]byte, r.IntN(30))
		for i := range text {
			text[i] = byte('a' + r.IntN(26))
		}
		first := randomEdit(r, text, "A")
		second := randomEdit(r, first.After, "B")
		both := Then(first, second)
		if !both.whole() || string(both.After) != string(second.After) {
			t.Fatalf("seed %d: %q, then %+v, then %+v: %+v", seed, text, first.Edits, second.Edits, both.Edits)
		}
		if back, err := both.Revert(both.After); err != nil || string(back) != string(text) {
			t.Fatalf("seed %d: taken back to %q, %v", seed, back, err)
		}
	}
}

// randomEdit makes up to four edits that do not overlap.
func randomEdit(r *rand.Rand, before []byte, why string) FileEdit {
	var edits []Edit
	at := 0
	for range r.IntN(5) {
		start := at + r.IntN(len(before)-at+1)
		end := start + r.IntN(min(4, len(before)-start)+1)
		text := "0123456789"[:r.IntN(4)]
		edits = append(edits, Edit{Start: start, End: end, New: text, Why: why, In: "http"})
		at = end
	}
	after := apply(before, edits)
	return FileEdit{Path: "/f", Before: before, After: after, BeforeSum: sum(before), AfterSum: sum(after), Edits: edits}
}

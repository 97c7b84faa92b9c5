package swap

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// No rollback is promised to a release whose image somebody has removed.
func TestHistoryOfPrunedImages(t *testing.T) {
	w := newWorld(t)
	w.Adopted()
	for _, v := range []string{"v2", "v3"} {
		if _, err := w.Swap(t.Context(), Options{App: "myapp", Image: v}); err != nil {
			t.Fatal(err)
		}
	}
	delete(w.Images, "sha256:v2")
	hist, err := w.Status.History(t.Context(), "myapp", 0)
	if err != nil || !slices.Equal(hist.Kept, []int{1, 3}) || !slices.Equal(hist.Gone, []int{2}) {
		t.Errorf("kept %v, gone %v, %v", hist.Kept, hist.Gone, err)
	}
	var out bytes.Buffer
	if err := hist.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"* serves now; releases kept for a rollback: 1 3\n", "no rollback to 2: the image is gone from this host; edgeman swap myapp IMAGE pulls it again\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, &out)
		}
	}
	w.Status.Docker = nil // then nobody knows
	if hist, err := w.Status.History(t.Context(), "myapp", 0); err != nil || !slices.Equal(hist.Kept, []int{1, 2, 3}) {
		t.Errorf("kept %v, %v", hist.Kept, err)
	}
}

package state

import (
	"os"
	"testing"
	"time"

	"edgeman/sockets"
)

// A slot that is emptied while somebody looks is filled or empty, and never an
// error: a swap that waits for its old slot to end would fail at the last moment.
func TestSlotIsReadWhileItIsEmptied(t *testing.T) {
	p := testPaths(t)
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	if err := p.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	r := Release{App: "myapp", Image: "myapp:v1"}
	if err := p.WriteRelease(&r); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default: // without the syncs of FillSlot and EmptySlot, for more turns
				_ = os.Symlink(releaseTarget("myapp", r.Number), p.Slot(slot))
				_ = os.Remove(p.Slot(slot))
			}
		}
	}()
	seen := map[bool]int{}
	begun := time.Now()
	for enough := false; !enough && time.Since(begun) < time.Minute; {
		_, filled, err := p.SlotRelease(slot)
		if err != nil {
			t.Error(err)
			break
		}
		seen[filled]++
		enough = time.Since(begun) > 300*time.Millisecond && len(seen) == 2
	}
	close(stop)
	<-done
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("seen filled %d times, empty %d times", seen[true], seen[false])
	}
}

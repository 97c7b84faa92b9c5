package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"edgeman/sockets"
)

var (
	green     = blue.Other()
	errKilled = errors.New("killed")
)

// killAfter makes all changes after the n-th fail, as if the process were gone.
func killAfter(p Paths, n int) (Paths, *int) {
	made := 0
	p.before = func(string) error {
		if made == n {
			return errKilled
		}
		made++
		return nil
	}
	return p, &made
}

// picture is what the files of myapp say, in one line: the live slot, and for each
// slot its release, the next one, whether it is paused, and whether its end has
// terms.
func picture(t *testing.T, p Paths) string {
	t.Helper()
	var words []string
	live, ok, err := sockets.ReadLive(p.Live("myapp"))
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		words = append(words, "live "+live.Color)
	}
	for _, s := range []sockets.Slot{blue, green} {
		word := s.Color + " -"
		r, filled, err := p.SlotRelease(s)
		if filled {
			word = fmt.Sprintf("%s %d", s.Color, r.Number)
		}
		next, pending, nextErr := p.NextRelease(s)
		if pending {
			word += fmt.Sprintf(" next %d", next.Number)
		}
		pause, _, pauseErr := p.ReadPause(s)
		if pause.Reason != "" {
			word += " " + pause.Reason
		}
		_, stated, drainErr := p.ReadDrain(s)
		if stated {
			word += " terms"
		}
		if _, told, _ := p.ReadSlotStatus(s); told {
			word += " status"
		}
		if err := errors.Join(err, nextErr, pauseErr, drainErr); err != nil {
			t.Fatal(err)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

var (
	until   = time.Now().Add(time.Hour)
	terms   = Drain{Deadline: until}
	standIn = Pause{Until: until, Reason: PauseStandIn}
	give    = Pause{Until: until, Reason: PauseUnadopt, Container: "c"}
)

// Every transition is killed before its first change, between each two, and not
// at all.
var transitions = []struct {
	name string
	from func(p Paths) error // beside: blue is live and runs release 1
	do   func(ctx context.Context, p Paths) error
	// seen is what is there after 0, 1, … changes.
	seen []string
	// next is what a command, or the slot's service, does then; ends is what it
	// comes to, however many changes were made.
	next func(ctx context.Context, p Paths) error
	ends []string // the last one holds for all further
}{
	{
		name: "fill",
		from: func(p Paths) error {
			return errors.Join(p.SetDrain(green, terms), p.SetPause(green, give), p.SetNext(green, 1), p.WriteSlotStatus(green, SlotStatus{}))
		},
		do: func(_ context.Context, p Paths) error { return p.Fill(green, 2, standIn) },
		seen: []string{
			"live blue, blue 1, green - next 1 unadopt terms status",
			"live blue, blue 1, green - next 1 unadopt terms",
			"live blue, blue 1, green - next 1 unadopt",
			"live blue, blue 1, green - next 1",
			"live blue, blue 1, green -",
			"live blue, blue 1, green - standin",
			"live blue, blue 1, green 2 standin",
		},
		next: func(_ context.Context, p Paths) error { return p.Fill(green, 3, Pause{}) },
		ends: []string{"live blue, blue 1, green 3"},
	},
	{
		name: "switch",
		from: func(p Paths) error { return p.FillSlot(green, 2) },
		do:   func(ctx context.Context, p Paths) error { return p.Switch(ctx, blue, 2, terms, nil) },
		seen: []string{
			"live blue, blue 1, green 2",
			"live blue, blue 1 terms, green 2",
			"live green, blue 1 terms, green 2",
		},
		next: func(ctx context.Context, p Paths) error { return emptyIdle(ctx, p) }, // abandon, or the end of the drain
		ends: []string{"live blue, blue 1, green -", "live blue, blue 1 terms, green -", "live green, blue - terms, green 2"},
	},
	{
		name: "stand in",
		from: func(p Paths) error { return errors.Join(p.FillSlot(green, 1), p.SetPause(green, standIn)) },
		do:   func(ctx context.Context, p Paths) error { return p.StandIn(ctx, blue, 1, 2, terms) },
		seen: []string{
			"live blue, blue 1, green 1 standin",
			"live blue, blue 1 terms, green 1 standin",
			"live green, blue 1 terms, green 1 standin",
			"live green, blue 1 next 2 terms, green 1 standin",
		},
		next: func(ctx context.Context, p Paths) error {
			return errors.Join(p.WithdrawNext(ctx, blue, 0), p.SwitchBack(ctx, green, nil), p.ClearDrain(blue))
		},
		ends: []string{"live blue, blue 1, green 1 standin"},
	},
	{
		name: "switch back",
		from: func(p Paths) error { return errors.Join(p.FillSlot(green, 1), p.switchLive(green)) },
		do:   func(ctx context.Context, p Paths) error { return p.SwitchBack(ctx, green, nil) },
		seen: []string{"live green, blue 1, green 1", "live blue, blue 1, green 1"},
		next: func(ctx context.Context, p Paths) error { return p.SwitchBack(ctx, green, nil) },
		ends: []string{"live blue, blue 1, green 1"},
	},
	{
		name: "set live",
		from: func(p Paths) error { return os.Remove(p.Live("myapp")) },
		do:   func(ctx context.Context, p Paths) error { return p.SetLive(ctx, blue) },
		seen: []string{"blue 1, green -", "live blue, blue 1, green -"},
		next: func(ctx context.Context, p Paths) error { return p.SetLive(ctx, blue) },
		ends: []string{"live blue, blue 1, green -"},
	},
	{
		name: "ask for a next release",
		do:   func(ctx context.Context, p Paths) error { return p.AskNext(ctx, blue, 2, terms) },
		seen: []string{
			"live blue, blue 1, green -",
			"live blue, blue 1 terms, green -",
			"live blue, blue 1 next 2 terms, green -",
		},
		next: func(ctx context.Context, p Paths) error {
			return errors.Join(p.WithdrawNext(ctx, blue, 2), p.ClearDrain(blue))
		},
		ends: []string{"live blue, blue 1, green -"},
	},
	{
		name: "withdraw the next release",
		from: func(p Paths) error { return p.SetNext(blue, 2) },
		do:   func(ctx context.Context, p Paths) error { return p.WithdrawNext(ctx, blue, 2) },
		seen: []string{"live blue, blue 1 next 2, green -", "live blue, blue 1, green -"},
		next: func(ctx context.Context, p Paths) error { return p.WithdrawNext(ctx, blue, 0) },
		ends: []string{"live blue, blue 1, green -"},
	},
	{
		name: "promote",
		from: func(p Paths) error { return p.SetNext(blue, 2) },
		do:   func(ctx context.Context, p Paths) error { return p.Promote(ctx, blue, 2) },
		seen: []string{"live blue, blue 1 next 2, green -", "live blue, blue 2, green -"},
		next: func(ctx context.Context, p Paths) error { return p.WithdrawNext(ctx, blue, 2) },
		ends: []string{"live blue, blue 1, green -", "live blue, blue 2, green -"},
	},
	{
		name: "yield",
		from: func(p Paths) error { return p.SetNext(blue, 2) },
		do:   func(ctx context.Context, p Paths) error { return p.Yield(ctx, blue, terms, give) },
		seen: []string{
			"live blue, blue 1 next 2, green -",
			"live blue, blue 1 next 2 terms, green -",
			"live blue, blue 1 terms, green -",
			"live blue, blue 1 unadopt terms, green -",
		},
		next: func(ctx context.Context, p Paths) error { return p.Yield(ctx, blue, terms, give) },
		ends: []string{"live blue, blue 1 unadopt terms, green -"},
	},
	{
		name: "empty",
		from: func(p Paths) error { return p.FillSlot(green, 2) },
		do:   func(ctx context.Context, p Paths) error { _, err := p.Empty(ctx, green, nil); return err },
		seen: []string{"live blue, blue 1, green 2", "live blue, blue 1, green -"},
		next: func(ctx context.Context, p Paths) error { return emptyIdle(ctx, p) },
		ends: []string{"live blue, blue 1, green -"},
	},
	{
		name: "forget",
		from: func(p Paths) error {
			return errors.Join(p.SetDrain(green, terms), p.SetPause(green, give), p.SetNext(green, 1))
		},
		do: func(_ context.Context, p Paths) error { return p.Forget(green) },
		seen: []string{
			"live blue, blue 1, green - next 1 unadopt terms",
			"live blue, blue 1, green - next 1 unadopt",
			"live blue, blue 1, green - next 1",
			"live blue, blue 1, green -",
		},
		next: func(_ context.Context, p Paths) error { return p.Fill(green, 2, Pause{}) },
		ends: []string{"live blue, blue 1, green 2"},
	},
	{
		name: "take down",
		do:   func(ctx context.Context, p Paths) error { return p.TakeDown(ctx, blue) },
		seen: []string{"live blue, blue 1, green -", "blue 1, green -", "blue -, green -"},
		next: func(ctx context.Context, p Paths) error { return p.TakeDown(ctx, blue) },
		ends: []string{"blue -, green -"},
	},
	{
		name: "end the warm time",
		from: func(p Paths) error {
			return errors.Join(p.FillSlot(green, 2), p.SetDrain(green, Drain{Deadline: until.Add(time.Minute), WarmUntil: until}))
		},
		do:   func(_ context.Context, p Paths) error { return p.EndWarm(green) },
		seen: []string{"live blue, blue 1, green 2 terms", "live blue, blue 1, green 2 terms"},
		next: func(_ context.Context, p Paths) error { return p.EndWarm(green) },
		ends: []string{"live blue, blue 1, green 2 terms"},
	},
}

// emptyIdle is what abandoning a candidate and the end of a drain have in common.
func emptyIdle(ctx context.Context, p Paths) error {
	live, _, err := sockets.ReadLive(p.Live("myapp"))
	if err != nil {
		return err
	}
	_, err = p.Empty(ctx, live.Other(), nil)
	return err
}

func TestTransitionsKilledBetweenAnyTwoChanges(t *testing.T) {
	for _, tt := range transitions {
		t.Run(tt.name, func(t *testing.T) {
			for n, want := range tt.seen {
				p := testPaths(t)
				for range 3 {
					if err := p.WriteRelease(&Release{App: "myapp", Image: "myapp"}); err != nil {
						t.Fatal(err)
					}
				}
				if err := errors.Join(p.FillSlot(blue, 1), p.SetLive(t.Context(), blue)); err != nil {
					t.Fatal(err)
				}
				if tt.from != nil {
					if err := tt.from(p); err != nil {
						t.Fatal(err)
					}
				}
				killed, made := killAfter(p, n)
				last := n == len(tt.seen)-1
				if err := tt.do(t.Context(), killed); *made != n || last != (err == nil) || !last && !errors.Is(err, errKilled) {
					t.Fatalf("killed after %d of %d changes: made %d, error %v", n, len(tt.seen)-1, *made, err)
				}
				if got := picture(t, p); got != want {
					t.Errorf("after %d changes:\n got %s\nwant %s", n, got, want)
				}
				reachesARelease(t, p)
				if err := tt.next(t.Context(), p); err != nil {
					t.Errorf("what comes after %d changes: %v", n, err)
				}
				if got, want := picture(t, p), tt.ends[min(n, len(tt.ends)-1)]; got != want {
					t.Errorf("what comes after %d changes ends in:\n got %s\nwant %s", n, got, want)
				}
				reachesARelease(t, p)
			}
		})
	}
}

// reachesARelease: whatever happened, the live pointer leads to a filled slot.
func reachesARelease(t *testing.T, p Paths) {
	t.Helper()
	live, ok, err := sockets.ReadLive(p.Live("myapp"))
	if err != nil {
		t.Fatal(err)
	}
	if _, filled, err := p.SlotRelease(live); ok && (err != nil || !filled) {
		t.Errorf("the live slot %s runs nothing, %v", live, err)
	}
}

func TestTransitionsRefuse(t *testing.T) {
	never := func() (bool, error) { return false, nil }
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context, p Paths) error
		err  string // contained; empty: nothing is done
	}{
		{"a switch away from a slot that is not live", func(ctx context.Context, p Paths) error { return p.Switch(ctx, green, 1, terms, nil) }, "the live slot changed to myapp:blue meanwhile"},
		{"a switch to an empty slot", func(ctx context.Context, p Paths) error { return p.Switch(ctx, blue, 2, terms, nil) }, "myapp:green no longer runs release 2"},
		{"to empty the live slot", func(ctx context.Context, p Paths) error { _, err := p.Empty(ctx, blue, nil); return err }, "myapp:blue is live"},
		{"to empty a slot that is needed", func(ctx context.Context, p Paths) error { _, err := p.Empty(ctx, blue, never); return err }, ""},
		{"a pointer beside another", func(ctx context.Context, p Paths) error { return p.SetLive(ctx, green) }, "the live slot changed to myapp:blue meanwhile"},
		{"to go back from where nobody is", func(ctx context.Context, p Paths) error { return p.SwitchBack(ctx, green, nil) }, ""},
		{"to go back to an empty slot", func(ctx context.Context, p Paths) error { return p.SwitchBack(ctx, blue, nil) }, "myapp:green is empty"},
		{"to withdraw another release", func(ctx context.Context, p Paths) error {
			return errors.Join(p.SetNext(blue, 2), p.WithdrawNext(ctx, blue, 3), p.Promote(ctx, blue, 2), p.FillSlot(blue, 1))
		}, ""},
		{"to promote another release", func(ctx context.Context, p Paths) error { return p.Promote(ctx, blue, 2) }, "no longer asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testPaths(t)
			for range 2 {
				if err := p.WriteRelease(&Release{App: "myapp", Image: "myapp"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(p.FillSlot(blue, 1), p.SetLive(t.Context(), blue)); err != nil {
				t.Fatal(err)
			}
			err := tt.do(t.Context(), p)
			if (tt.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if got, want := picture(t, p), "live blue, blue 1, green -"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

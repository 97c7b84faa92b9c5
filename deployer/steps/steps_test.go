package steps

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

var (
	errStep = errors.New("step")
	errUndo = errors.New("undo")
)

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fails  string // what fails: "do b", "undo a", "journal c"
		stays  string
		want   string
		undone bool // the error says that undoing did not succeed
	}{
		{name: "to the end", want: "journal a, do a, journal b, do b, journal c, do c"},
		{name: "fails", fails: "do b", want: "journal a, do a, journal b, do b, undo b, undo a"},
		{name: "fails at once", fails: "do a", want: "journal a, do a, undo a"},
		{name: "cannot be journalled", fails: "journal b", want: "journal a, do a, journal b, undo a"},
		{name: "after what stays", fails: "do c", stays: "b", want: "journal a, do a, journal b, do b, journal c, do c, undo c"},
		{name: "in what stays", fails: "do b", stays: "b", want: "journal a, do a, journal b, do b, undo b, undo a"},
		{name: "undo fails", fails: "do c, undo b", want: "journal a, do a, journal b, do b, journal c, do c, undo c, undo b", undone: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var did []string
			do := func(what string, err error) error {
				did = append(did, what)
				if slices.Contains(strings.Split(tt.fails, ", "), what) {
					return err
				}
				return nil
			}
			var all []Step
			for _, name := range []string{"a", "b", "c"} {
				all = append(all, Step{
					Name: name, Stays: tt.stays == name,
					Do:   func(context.Context) error { return do("do "+name, errStep) },
					Undo: func(ctx context.Context) error { return errors.Join(ctx.Err(), do("undo "+name, errUndo)) },
				})
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // an undo is carried out all the same
			err := Run(ctx, func(name string) error { return do("journal "+name, errStep) }, all)
			if got := strings.Join(did, ", "); got != tt.want {
				t.Errorf("did %s\nwant %s", got, tt.want)
			}
			if errors.Is(err, errStep) != (tt.fails != "") || errors.Is(err, errUndo) != tt.undone {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAfter(t *testing.T) {
	var seen []string
	nothing := func(context.Context) error { return nil }
	ctx := After(t.Context(), func(name string) { seen = append(seen, name) })
	if err := Run(ctx, func(string) error { return nil }, []Step{{Name: "a", Do: nothing}, {Name: "b", Do: nothing}}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(seen, " ") != "a b" {
		t.Errorf("seen %v", seen)
	}
}

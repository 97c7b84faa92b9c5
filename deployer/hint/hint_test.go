package hint

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type own struct{}

func (own) Error() string { return "own" }
func (own) Hint() string  { return "do that" }

func TestOf(t *testing.T) {
	plain := errors.New("plain")
	for _, tt := range []struct {
		name string
		err  error
		want []string
		text string
	}{
		{"without", plain, nil, "plain"},
		{"with", With(plain, "edgeman repair %s", "shop"), []string{"edgeman repair shop"}, "plain"},
		{"wrapped", fmt.Errorf("doing it: %w", With(plain, "do this")), []string{"do this"}, "doing it: plain"},
		{"two", With(With(plain, "inner"), "outer"), []string{"inner", "outer"}, "plain"},
		{"twice", errors.Join(With(plain, "do this"), With(plain, "do this")), []string{"do this"}, "plain\nplain"},
		{"another type's", fmt.Errorf("%w and %w", own{}, New("do this", "saw %d", 3)), []string{"do that", "do this"}, "own and saw 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Of(tt.err)); diff != "" {
				t.Error(diff)
			}
			if tt.err.Error() != tt.text {
				t.Errorf("text is %q, want %q", tt.err, tt.text)
			}
			if !errors.Is(tt.err, plain) && tt.name != "another type's" {
				t.Error("the error itself is lost")
			}
		})
	}
	if With(nil, "x") != nil || Of(nil) != nil || Has(plain) {
		t.Error("no error has no hint")
	}
}

func TestText(t *testing.T) {
	one, two := With(errors.New("one"), "do 1"), With(errors.New("two"), "do 2")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"without", errors.New("plain"), "plain"},
		{"with", one, "one\nhint: do 1"},
		{"wrapped", fmt.Errorf("doing it: %w", one), "doing it: one\nhint: do 1"},
		{"text behind it", fmt.Errorf("%w\nall else works", one), "one\nall else works\nhint: do 1"},
		{"hinted twice", With(fmt.Errorf("doing it: %w", one), "do 0"), "doing it: one\nhint: do 1\nhint: do 0"},
		{"joined", errors.Join(one, two), "one\nhint: do 1\ntwo\nhint: do 2"},
		{"joined, the same hint", errors.Join(one, With(errors.New("three"), "do 1")), "one\nhint: do 1\nthree\nhint: do 1"},
		{"joined and wrapped", fmt.Errorf("both: %w", errors.Join(one, two)), "both: one\nhint: do 1\ntwo\nhint: do 2"},
		{"two in a line", fmt.Errorf("%w: %w", one, two), "one: two\nhint: do 1\nhint: do 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Text(tt.err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if got, want := Sprintf("%v; going on %d, %s", one, 3, two), "one; going on 3, two\nhint: do 1\nhint: do 2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

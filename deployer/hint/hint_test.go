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
		{"two", With(With(plain, "inner"), "outer"), []string{"outer", "inner"}, "plain"},
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

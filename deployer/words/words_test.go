package words

import "testing"

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Plural(0, "request"), "0 requests"},
		{Plural(1, "request"), "1 request"},
		{Plural(2, "request"), "2 requests"},
		{Noun(1, "app"), "app"},
		{Noun(3, "app"), "apps"},
		{OrDash(""), "-"},
		{OrDash("x"), "x"},
		{FirstLine("one\ntwo"), "one"},
		{FirstLine("one"), "one"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

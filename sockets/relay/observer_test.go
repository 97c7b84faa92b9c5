package relay

import (
	"fmt"
	"testing"
)

// words is an observer that keeps each piece.
type words struct{ said chan string }

func (o words) ToApp(p []byte)    { o.said <- fmt.Sprintf("> %d %s", len(p), p) }
func (o words) ToClient(p []byte) { o.said <- fmt.Sprintf("< %d %s", len(p), p) }
func (o words) Unseen(bool, int)  {}

// An observer sees the beginning of everything before the other side does.
func TestForwardIsObserved(t *testing.T) {
	client, accepted, dialed, app := newStage(t).connect(t)
	o := words{make(chan string, 10)}
	done := make(chan struct{})
	Forward(accepted, dialed, o, func(int64, int64, error) { close(done) })
	for _, s := range []struct {
		from, to stream
		want     string
	}{{client, app, "> 8 question"}, {app, client, "< 6 answer"}, {client, app, "> 5 again"}} {
		word := s.want[4:]
		write(t, s.from, word)
		expect(t, s.to, word)
		select {
		case got := <-o.said:
			if got != s.want {
				t.Errorf("told %q, want %q", got, s.want)
			}
		default:
			t.Errorf("%q arrived before the observer was told", word)
		}
	}
	client.Close()
	app.Close()
	<-done
}

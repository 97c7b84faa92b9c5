package carry

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/sockets/relay"
)

// someApp takes connections unless it refuses or hangs.
type someApp struct {
	*fake.EchoApp
	refuses, hangs bool
	asked          int
}

func (a *someApp) Dial(ctx context.Context, listener string) (*relay.Conn, error) {
	a.asked++
	switch {
	case a.refuses:
		return nil, syscall.ECONNREFUSED
	case a.hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return a.EchoApp.Dial(ctx, listener)
}

func poolOf(apps ...*someApp) *Pool {
	p := NewPool(len(apps))
	for i, a := range apps {
		p.Set(i, a)
	}
	return p
}

// takes opens n connections and returns how to end each.
func takes(t *testing.T, p *Pool, n int) (left []func()) {
	t.Helper()
	for range n {
		c, l, err := p.take(t.Context(), "8080")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		left = append(left, l)
	}
	return left
}

func wantOpen(t *testing.T, p *Pool, want ...int) {
	t.Helper()
	for i, n := range want {
		if open, _ := p.Counts(i); open != n {
			t.Errorf("member %d has %d connections open, want %d of %v", i, open, n, want)
		}
	}
}

func TestPoolTakesEqualsInTurn(t *testing.T) {
	app := fake.NewEchoApp(t)
	p := poolOf(&someApp{EchoApp: app}, &someApp{EchoApp: app}, &someApp{EchoApp: app})
	for range 30 { // one after the other: there is never a difference to see
		takes(t, p, 1)[0]()
	}
	for i := range 3 {
		if open, served := p.Counts(i); open != 0 || served != 10 {
			t.Errorf("member %d: %d open, %d served, want 0 and 10", i, open, served)
		}
	}
}

func TestPoolTakesTheOneWithTheFewest(t *testing.T) {
	app := fake.NewEchoApp(t)
	p := poolOf(&someApp{EchoApp: app}, &someApp{EchoApp: app}, &someApp{EchoApp: app})
	left := takes(t, p, 9)
	wantOpen(t, p, 3, 3, 3)
	for _, i := range []int{1, 4, 7} { // all of the second member's
		left[i]()
	}
	wantOpen(t, p, 3, 0, 3)
	takes(t, p, 3)
	wantOpen(t, p, 3, 3, 3)
}

func TestPoolPassesOverTheOneThatRefuses(t *testing.T) {
	app := fake.NewEchoApp(t)
	refusing := &someApp{EchoApp: app, refuses: true}
	p := poolOf(&someApp{EchoApp: app}, refusing, &someApp{EchoApp: app})
	takes(t, p, 10)
	wantOpen(t, p, 5, 0, 5)
	if _, served := p.Counts(1); served != 0 || refusing.asked == 0 {
		t.Errorf("the refusing one was asked %d times and served %d", refusing.asked, served)
	}
}

func TestPoolDoesNotWaitLongForOneWhileThereAreOthers(t *testing.T) {
	app := fake.NewEchoApp(t)
	p := poolOf(&someApp{hangs: true}, &someApp{EchoApp: app})
	begun := time.Now()
	takes(t, p, 1)
	if took := time.Since(begun); took < elsewhere || took > time.Minute {
		t.Errorf("took %s, want about %s", took, elsewhere)
	}
	wantOpen(t, p, 0, 1)
}

func TestPoolWhereAllRefuse(t *testing.T) {
	a, b := &someApp{refuses: true}, &someApp{refuses: true}
	p := poolOf(a, b)
	if _, _, err := p.take(t.Context(), "8080"); !errors.Is(err, syscall.ECONNREFUSED) || a.asked != 1 || b.asked != 1 {
		t.Errorf("%v; asked %d and %d times, want once each", err, a.asked, b.asked)
	}
	wantOpen(t, p, 0, 0)
	p.Set(0, nil)
	p.Set(1, nil)
	if _, _, err := p.take(t.Context(), "8080"); !errors.Is(err, errNobody) {
		t.Errorf("%v, want %v", err, errNobody)
	}
}

// A connection whose member is out of the pool meanwhile ends as any other.
func TestPoolForgetsNoConnection(t *testing.T) {
	app := fake.NewEchoApp(t)
	p := poolOf(&someApp{EchoApp: app}, &someApp{EchoApp: app})
	left := takes(t, p, 4)
	p.Set(0, nil)
	takes(t, p, 2)
	wantOpen(t, p, 2, 4)
	left[0]()
	wantOpen(t, p, 1, 4)
	p.Set(0, &someApp{EchoApp: app})
	takes(t, p, 3)
	wantOpen(t, p, 4, 4)
}

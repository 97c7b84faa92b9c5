package serve

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/fake"
	"edgeman/deployer/serve/carry"
	"edgeman/deployer/state"
	"edgeman/sockets/relay"
)

// What a connection is at is decided by what passed last.
var (
	aWebsocket = []string{"> GET /ws HTTP/1.1\r\n\r\n", "< HTTP/1.1 101 Switching Protocols\r\n\r\n"}
	aRequest   = []string{"> GET /slow HTTP/1.1\r\n\r\n"}
	aDownload  = []string{"> GET /big HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n+60000"}
	anIdle     = []string{"> GET / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}
	anUnknown  = []string{"> \x01\x01", "< \x01\x06"}
)

// carries adds connections to the running slot, and to the kernel's count.
func (w *world) carries(each ...[]string) (all []*carry.Conn) {
	w.t.Helper()
	for _, steps := range each {
		c := &carry.Conn{Since: time.Now()}
		for _, s := range steps {
			step(c, s)
		}
		w.k.front.Conns.Add(c, func() *relay.Relay { return new(relay.Relay) })
		w.passes(1)
		all = append(all, c)
	}
	w.addCount(len(all))
	return all
}

// step lets a connection carry "> what is asked" or "< what is answered"; "+N" at
// its end stands for N bytes more.
func step(c *carry.Conn, s string) {
	piece, more, _ := strings.Cut(s[2:], "+")
	n, _ := strconv.Atoi(more)
	if b := append([]byte(piece), make([]byte, n)...); s[0] == '>' {
		c.ToApp(b)
	} else {
		c.ToClient(b)
	}
}

// passes lets n connections into the app.
func (w *world) passes(n int) {
	w.t.Helper()
	for range n {
		if to, err := w.k.front.Gate.Pass(nil); to == nil || err != nil {
			w.t.Fatal("the gate is shut")
		}
	}
}

// leaves is what happens to a connection whose ends were closed.
func (w *world) leaves(all ...*carry.Conn) {
	for _, c := range all {
		w.k.front.Conns.Remove(c)
		w.k.front.Gate.Leave()
	}
	w.addCount(-len(all))
}

func (w *world) addCount(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count.Established += n
}

func (w *world) ended(c *carry.Conn) bool { return c.Closed.Load() }

// serving is a live slot with connections; at is when its terms, written by a
// command that is gone, end websockets.
func (w *world) serving(app *fake.EchoApp, d state.Drain, each ...[]string) []*carry.Conn {
	w.t.Helper()
	w.live(w.slot)
	w.must(w.paths.FillSlot(w.slot, 1))
	w.start(app)
	time.Sleep(time.Second)
	w.must(w.paths.SetDrain(w.slot, d))
	return w.carries(each...)
}

func after(s time.Duration) time.Time { return time.Now().Add(s * time.Second) }

func TestWebsocketsHaveATimeOfTheirOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		start := time.Now().Add(time.Second)
		all := w.serving(app, state.Drain{Deadline: start.Add(30 * time.Second), WebsocketsUntil: start.Add(5 * time.Second)},
			aWebsocket, aWebsocket, aDownload)
		w.live(w.slot.Other())
		w.nudge()
		time.Sleep(4 * time.Second)
		want := state.Kinds{Websockets: 2, Requests: 1}
		if st := w.wants(state.PhaseDraining); st.OpenKinds != want || w.ended(all[0]) {
			t.Errorf("before their time: ended %v, status %+v", w.ended(all[0]), st)
		}
		time.Sleep(2 * time.Second)
		if !w.ended(all[0]) || !w.ended(all[1]) || w.ended(all[2]) {
			t.Errorf("ended: %v %v, and the download: %v", w.ended(all[0]), w.ended(all[1]), w.ended(all[2]))
		}
		w.leaves(all[:2]...)
		late := w.carries(aWebsocket)[0] // over a connection that nginx has kept
		time.Sleep(time.Second)
		if !w.ended(late) {
			t.Error("a websocket that came later goes on")
		}
		w.leaves(late, all[2])
		w.ends(time.Second, exitEmptied)
		if st := w.wants(state.PhaseEmpty); st.Cut != 0 || st.WebsocketsClosed != 3 {
			t.Errorf("status %+v", st)
		}
		events, err := w.paths.History("myapp")
		if err != nil || len(events) != 1 || events[0].WebsocketsClosed != 3 || events[0].Cut != 0 || events[0].Operation != "drain" {
			t.Errorf("history %+v, %v", events, err)
		}
	})
}

func TestWhatIsCutIsCountedByKind(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.serving(app, state.Drain{Deadline: after(5)}, aWebsocket, aRequest, aDownload, anIdle, anIdle, anUnknown)
		w.addCount(1) // queued, or in the hands of nobody we know
		w.live(w.slot.Other())
		w.nudge()
		w.ends(10*time.Second, exitEmptied)
		want := state.Kinds{Websockets: 1, Requests: 2, Idle: 2, Unknown: 2}
		if st := w.wants(state.PhaseEmpty); st.Cut != 7 || st.CutKinds != want || st.WebsocketsClosed != 0 {
			t.Errorf("status %+v", st)
		}
		events, err := w.paths.History("myapp")
		if err != nil || len(events) != 1 || events[0].Cut != 7 || events[0].CutKinds != want {
			t.Errorf("history %+v, %v", events, err)
		}
	})
}

// A client that comes back must not be sent over a connection that nginx keeps
// to the old release, so those go first; but there is a limit to that.
func TestWebsocketsEndAfterWhatNginxKeeps(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
			all := w.serving(app, state.Drain{Deadline: after(60), WebsocketsUntil: after(5)}, aWebsocket, anIdle)
			w.live(w.slot.Other())
			w.nudge()
			time.Sleep(8 * time.Second)
			if w.ended(all[0]) {
				t.Error("ended while nginx still keeps a connection")
			}
			if leaves {
				w.leaves(all[1])
				time.Sleep(time.Second)
			} else {
				time.Sleep(keptAlive)
			}
			if !w.ended(all[0]) {
				t.Error("the websocket goes on")
			}
			w.stop()
		})
	}
}

func TestWebsocketsOfAWarmSlotEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		all := w.serving(app, state.Drain{WarmUntil: after(60), Deadline: after(90), WebsocketsUntil: after(5)}, aWebsocket)
		w.live(w.slot.Other())
		w.nudge()
		time.Sleep(7 * time.Second)
		w.wants(state.PhaseWarm)
		if !w.ended(all[0]) {
			t.Error("the websocket goes on")
		}
		w.stop()
	})
}

func TestWebsocketsOfASlotThatIsLiveAgainGoOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		all := w.serving(app, state.Drain{Deadline: after(30), WebsocketsUntil: after(5)}, aWebsocket)
		w.live(w.slot.Other())
		w.nudge()
		time.Sleep(3 * time.Second)
		w.live(w.slot)
		w.nudge()
		time.Sleep(time.Minute)
		if w.ended(all[0]) {
			t.Error("a websocket of the live slot was ended")
		}
		w.stop()
	})
}

// Without terms, after a command that was killed before it could state them,
// the app file's count.
func TestWebsocketsEndByTheAppFile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		settings, err := w.paths.ReadApp("myapp")
		w.must(err)
		settings.Drain.Websockets = state.Websockets{Close: true, After: 5 * time.Second}
		w.must(w.paths.WriteApp(settings))
		all := w.serving(app, state.Drain{}, aWebsocket, aRequest)
		w.must(w.paths.ClearDrain(w.slot))
		w.live(w.slot.Other())
		w.nudge()
		time.Sleep(6 * time.Second)
		if !w.ended(all[0]) || w.ended(all[1]) {
			t.Errorf("ended: %v, the request: %v", w.ended(all[0]), w.ended(all[1]))
		}
		w.stop()
	})
}

func TestStopFirstEndsWebsockets(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		all := w.serving(app, state.Drain{Deadline: after(10), WebsocketsUntil: after(5)}, aWebsocket, aRequest)
		lock, err := w.paths.TakeLock(t.Context(), "myapp", "swap", 0)
		w.must(err)
		defer lock.Unlock()
		w.must(w.paths.SetNext(w.slot, 2))
		w.nudge()
		time.Sleep(3 * time.Second)
		if st := w.wants(state.PhaseHolding); st.Open != 2 || w.ended(all[0]) {
			t.Errorf("status %+v", st)
		}
		time.Sleep(2 * time.Second)
		if !w.ended(all[0]) {
			t.Error("the websocket goes on")
		}
		w.leaves(all[0])
		time.Sleep(6 * time.Second)
		want := state.Kinds{Requests: 1}
		if st := w.wants(state.PhaseHealthy); st.Release != 2 || st.Cut != 1 || st.CutKinds != want || st.WebsocketsClosed != 1 {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

func TestPauseEndsWebsockets(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		all := w.serving(app, state.Drain{}, aWebsocket, aRequest)
		w.must(w.paths.ClearDrain(w.slot))
		w.must(w.paths.SetPause(w.slot, state.Pause{Until: after(20), Reason: state.PauseAsked, WebsocketsUntil: after(3)}))
		w.nudge()
		time.Sleep(2 * time.Second)
		if st := w.wants(state.PhaseHealthy); st.Open != 2 || st.Message != "2 connections (1 websocket, 1 request in progress) left" {
			t.Errorf("status %+v", st)
		}
		time.Sleep(2 * time.Second)
		if !w.ended(all[0]) || w.ended(all[1]) {
			t.Errorf("ended: %v, the request: %v", w.ended(all[0]), w.ended(all[1]))
		}
		w.leaves(all...)
		time.Sleep(time.Second)
		if st := w.wants(state.PhaseHolding); st.WebsocketsClosed != 1 {
			t.Errorf("status %+v", st)
		}
		w.stop()
	})
}

func TestTheOldestConnectionIsPublished(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		all := w.serving(app, state.Drain{}, anIdle)
		w.must(w.paths.ClearDrain(w.slot))
		w.nudge()
		if st := w.status(); !st.Oldest.IsZero() {
			t.Errorf("news of a moment: %s", st.Oldest)
		}
		time.Sleep(20 * time.Second)
		all = append(all, w.carries(anIdle)...)
		time.Sleep(5 * time.Second)
		for _, c := range all {
			if st := w.status(); !st.Oldest.Equal(c.Since) {
				t.Errorf("oldest %s, want %s", st.Oldest, c.Since)
			}
			w.leaves(c)
			time.Sleep(lookOpen)
		}
		time.Sleep(lookIdle)
		if st := w.status(); !st.Oldest.IsZero() {
			t.Errorf("nothing is open, oldest %s", st.Oldest)
		}
		w.stop()
	})
}

// While the container is being stopped the status says that, and nothing of a
// cut that is over.
func TestStatusWhileTheContainerStops(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world, app *fake.EchoApp) {
		w.engine.behaviour["image-1"] = behaviour{stopTakes: 5 * time.Second}
		w.retiring(app, 0)
		time.Sleep(2 * time.Second)
		st := w.wants(state.PhaseDraining)
		if st.Message != "stopping the container, 0 connections cut" || !st.Deadline.IsZero() {
			t.Errorf("status %+v", st)
		}
		w.ends(5*time.Second, exitEmptied)
	})
}

// A retired slot ends when it is quiet for long enough, or at its deadline, but
// never while it is kept warm.
func TestDrainIsOver(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name           string
		quiet          time.Duration // since when nothing is open; negative: something is
		warm, deadline time.Duration // until then
		want           bool
	}{
		{"something is open", -1, 0, s, false},
		{"quiet a moment ago", quietFor / 2, 0, s, false},
		{"quiet", quietFor, 0, s, true},
		{"the deadline has passed", -1, 0, 0, true},
		{"kept warm", quietFor, s, 2 * s, false},
		{"kept warm past the deadline", -1, s, 0, false},
	} {
		d, q := drain{terms: state.Drain{WarmUntil: noon.Add(tt.warm), Deadline: noon.Add(tt.deadline)}}, quiet{}
		q.see(1, noon)
		if tt.quiet >= 0 {
			q.see(0, noon.Add(-tt.quiet))
			q.see(0, noon)
		}
		if got := d.over(q, noon); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

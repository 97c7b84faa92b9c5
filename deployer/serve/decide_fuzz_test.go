package serve

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"edgeman/deployer/state"
)

// walk is a slot that goes through views that chance makes, with what its decisions
// lead to. All that is wanted of it is said here once more, in other words.
type walk struct {
	decide func(view, slotState) (slotState, []*action)
	data   []byte
	now    time.Time
	native bool
	s      slotState

	heldBack bool // the front holds requests
	forwards bool
	watched  bool
	used     time.Time // when the app was last used, or not to be judged
}

func (w *walk) take(n int) int {
	if len(w.data) == 0 {
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return int(b) % n
}

func (w *walk) chance() bool { return w.take(2) == 1 }

// look makes a view.
func (w *walk) look() view {
	w.now = w.now.Add(time.Duration(w.take(40)) * time.Second)
	v := view{now: w.now, slot: blue, native: w.native, forwards: w.forwards, watched: w.watched}
	switch w.take(7) {
	case 0:
		v.pointers.live = green
	case 1:
		v.pointers = pointers{live: green, relays: true}
	case 2:
		v.pointers = pointers{live: green, held: true, names: blue.String()}
	case 3:
		v.roleUnknown = true
	case 4: // there is no pointer
	default:
		v.pointers.live = blue
	}
	if reasons := []string{"", "", state.PauseAsked, state.PauseAdopt, state.PauseUnadopt, state.PauseReplace, state.PauseStandIn}; true {
		if v.pause.Reason = reasons[w.take(len(reasons))]; v.pause.Reason != "" {
			v.pause.Until = w.now.Add(time.Duration(w.take(60)-20) * time.Second)
			v.pause.Forward = w.chance()
			if v.pause.Reason != state.PauseReplace && v.pause.Reason != state.PauseStandIn && w.chance() {
				v.pause.Container = "original"
			}
		}
	}
	v.pauseUnknown = w.take(16) == 1
	v.lockHeld, v.next, v.otherFilled = w.chance(), w.take(4) == 1, w.chance()
	kind := fenceIn(v, roleIn(v, w.s).role)
	if kind != noFence && (kind != namedContainers || v.pause.Container != "") && w.chance() {
		v.fence = "something runs"
	}
	v.healthy = w.s.phase == attended && w.chance()
	v.partial = w.s.phase == attended && w.s.role == retired && w.chance()
	v.inside, v.stopBy = w.take(3), w.now.Add(time.Duration(w.take(20)-10)*time.Second)
	v.thawing = w.native && w.take(8) == 1
	if w.chance() {
		v.idle = 30 * time.Second
	}
	v.used, v.queued = w.chance(), w.chance()
	return v
}

// achieve is what an action may lead to.
func (w *walk) achieve(a *action) {
	switch a {
	case holdRequests:
		w.heldBack = true
	case admitRequests:
		w.heldBack = false
	case forwardRequests:
		w.forwards = w.chance()
	case endForward:
		w.forwards = false
	case watchQueue:
		w.watched = true
	case endWatch, wake:
		w.watched = false
	case stopForOriginal, create:
		if w.take(4) == 1 { // it failed
			w.s.phase = unattended
		}
	case attach:
		w.s.phase = []phase{unattended, attended, gone}[w.take(3)]
	case fallAsleep:
		w.s.holder = true
		w.s.phase = []phase{unattended, attended, asleep}[w.take(3)]
		w.watched = w.s.phase == asleep
	case removeHolder:
		w.s.holder = w.chance()
	case holdNeeds:
		w.s.holder = true
	case replaceRelease:
		w.heldBack = w.s.held() && w.heldBack
	}
}

// step judges one decision and carries it out.
func (w *walk) step() error {
	v, before := w.look(), w.s
	after, do := w.decide(v, before)
	w.s = after
	if err := judgeRole(v, before, after); err != nil {
		return err
	}
	if err := w.judgeStop(v, before, after, do); err != nil {
		return err
	}
	if err := judgeHold(v, before, after, do); err != nil {
		return err
	}
	if v.idle == 0 || v.used || !v.healthy || after.role != live || after.held() || does(do, wake) || does(do, replaceRelease) || does(do, fallAsleep) {
		w.used = v.now
	}
	for _, a := range do {
		w.achieve(a)
	}
	if !w.native && w.heldBack != w.s.held() {
		return fmt.Errorf("requests are held back: %v, decided: %v", w.heldBack, w.s.held())
	}
	if w.s.role == live && !w.s.held() && w.s.phase != attended && w.s.phase != asleep && !does(do, fallAsleep) {
		return fmt.Errorf("a live slot that serves is %q", w.s.phase)
	}
	return nil
}

// judgeRole: a slot that is live stays so unless another is seen to be.
func judgeRole(v view, before, after slotState) error {
	switch {
	case v.roleUnknown && before.role != "" && after.role != before.role:
		return fmt.Errorf("%s is %s, and nothing was read", before.role, after.role)
	case !v.roleUnknown && v.pointers.live == blue && after.role != live:
		return fmt.Errorf("the live pointer leads here, and the slot is %s", after.role)
	case !v.roleUnknown && v.pointers.live == green && after.role == live:
		return fmt.Errorf("the live pointer leads to the other slot, and this one is live")
	}
	return nil
}

// judgeStop: the containers of a slot that is needed are stopped only when that is
// asked for, or when nobody has used them for the app's idle time.
func (w *walk) judgeStop(v view, before, after slotState, do []*action) error {
	p := v.pause
	switch {
	case does(do, stopForOriginal) && (p.Reason != state.PauseUnadopt || v.pauseUnknown || after.role == retired):
		return fmt.Errorf("stopped, and the app is not given back")
	case does(do, stopForOriginal) && (!before.held() || v.inside > 0 && v.now.Before(v.stopBy)):
		return fmt.Errorf("stopped with %d connections inside", v.inside)
	case does(do, replaceRelease) && (!v.next || !v.lockHeld || after.role == retired):
		return fmt.Errorf("replaced, and no command asks for it")
	case does(do, fallAsleep) && (after.role != live || v.idle == 0 || v.used || v.lockHeld || after.held() || v.now.Sub(w.used) < v.idle):
		return fmt.Errorf("falls asleep after %s", v.now.Sub(w.used))
	case does(do, letGo) && (before.role != retired || !v.partial):
		return fmt.Errorf("lets go of containers that were attended to as they should")
	case after.phase == asleep && after.role == live && !after.held() && v.queued:
		return fmt.Errorf("sleeps on although somebody waits")
	case does(do, attach) && after.role != retired:
		return fmt.Errorf("the containers of a slot that is %s are not started", after.role)
	case after.phase == gone && after.role != retired:
		return fmt.Errorf("a slot that is %s ends", after.role)
	}
	return nil
}

// judgeHold: requests wait until the pause is gone or its deadline has passed, and
// nothing runs that must not run beside the slot's containers.
func judgeHold(v view, before, after slotState, do []*action) error {
	p := v.pause
	inTime := (p.Reason == state.PauseAsked || p.Reason == state.PauseAdopt || p.Reason == state.PauseUnadopt) && v.now.Before(p.Until)
	killed := p.Reason == state.PauseAdopt && p.Container != "" && !v.lockHeld
	must := !v.pauseUnknown && after.role != retired && (inTime && !killed || v.fence != "")
	switch {
	case must && !after.held():
		return fmt.Errorf("held %v, and requests are let in by itself in a pause for %q", before.held(), p.Reason)
	case !must && after.held():
		return fmt.Errorf("requests wait for nothing")
	case does(do, start) && (v.fence != "" || after.role == retired):
		return fmt.Errorf("started beside what must not run beside it")
	case does(do, start) && must && (p.Reason != state.PauseAsked || p.Container != ""):
		return fmt.Errorf("started in a pause for %q", p.Reason)
	case does(do, clearPause) && must:
		return fmt.Errorf("a pause is cleared that goes on")
	case does(do, admitRequests) && after.held(), does(do, holdRequests) && !after.held():
		return fmt.Errorf("does what it has not decided")
	}
	return nil
}

func (w *walk) run() error {
	w.now, w.native = noon, w.chance()
	w.used = w.now
	for n := 0; len(w.data) > 0; n++ {
		if err := w.step(); err != nil {
			return fmt.Errorf("look %d: %w", n, err)
		}
	}
	return nil
}

// No sequence of views loses the last container that serves, or lets requests
// into a slot that is paused.
func FuzzDecide(f *testing.F) {
	for range 20 {
		f.Add(randomBytes(200))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := (&walk{decide: decide, data: data}).run(); err != nil {
			t.Error(err)
		}
	})
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// Each property can fail: a decision with one fault is found out.
func TestFuzzDecideFindsFaults(t *testing.T) {
	after := func(change func(v view, s *slotState, do []*action) []*action) func(view, slotState) (slotState, []*action) {
		return func(v view, s slotState) (slotState, []*action) {
			got, do := decide(v, s)
			return got, change(v, &got, do)
		}
	}
	before := func(change func(v *view, s *slotState)) func(view, slotState) (slotState, []*action) {
		return func(v view, s slotState) (slotState, []*action) {
			change(&v, &s)
			return decide(v, s)
		}
	}
	faults := map[string]struct {
		decide func(view, slotState) (slotState, []*action)
		says   string
	}{
		"stops at once":                {before(func(v *view, _ *slotState) { v.inside = 0 }), "connections inside"},
		"obeys commands that are gone": {before(func(v *view, _ *slotState) { v.lockHeld = true }), ""},
		"sleeps while it is used":      {before(func(v *view, _ *slotState) { v.used = false }), "falls asleep"},
		"believes the other is live":   {before(func(v *view, _ *slotState) { v.pointers.live = green }), "the live pointer leads here"},
		"forgets its role":             {before(func(v *view, s *slotState) { s.role, v.roleUnknown = retired, true }), ""},
		"ends by the deadline alone":   {before(func(v *view, _ *slotState) { v.fence = "" }), "let in by itself"},
		"knows no deadline":            {before(func(v *view, _ *slotState) { v.now = v.now.Add(time.Hour) }), ""},
		"resumes by itself": {after(func(v view, s *slotState, do []*action) []*action {
			if s.hold == pausing && v.now.Second()%7 == 0 {
				s.hold = admitting
			}
			return do
		}), "let in by itself"},
		"starts nothing": {after(func(_ view, s *slotState, do []*action) []*action {
			if does(do, start) {
				s.phase = unattended
			}
			return do
		}), "a live slot that serves"},
		"starts what is kept out": {after(func(_ view, _ *slotState, do []*action) []*action {
			if does(do, create) {
				do = append(do, start)
			}
			return do
		}), "started"},
		"stops what serves": {after(func(_ view, s *slotState, do []*action) []*action {
			if s.role == live && !s.held() {
				do = append(do, stopForOriginal)
			}
			return do
		}), "stopped, and the app is not given back"},
		"forgets to admit": {after(func(_ view, _ *slotState, do []*action) []*action {
			var rest []*action
			for _, a := range do {
				if a != admitRequests {
					rest = append(rest, a)
				}
			}
			return rest
		}), "held back: true"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			var err error
			for try := 0; err == nil || !strings.Contains(err.Error(), fault.says); try++ {
				if try == 2000 {
					t.Fatalf("not found out; the last says %v", err)
				}
				err = (&walk{decide: fault.decide, data: randomBytes(400)}).run()
			}
		})
	}
}

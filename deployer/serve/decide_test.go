package serve

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

var (
	noon  = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	blue  = sockets.Slot{App: "myapp", Color: sockets.Blue}
	green = blue.Other()
)

// serving is the state and the view of a live slot that is well.
func servingView() view {
	return view{now: noon, slot: blue, pointers: pointers{live: blue}, healthy: true}
}

func servingState() slotState {
	return slotState{standing: standing{role: live, wasLive: true}, phase: attended, usedAt: noon.Add(-time.Hour)}
}

// in is how a row differs from that.
type in func(v *view, s *slotState)

func all(changes ...in) in {
	return func(v *view, s *slotState) {
		for _, c := range changes {
			c(v, s)
		}
	}
}

func paused(reason string, left time.Duration) in {
	return func(v *view, _ *slotState) { v.pause = state.Pause{Reason: reason, Until: noon.Add(left)} }
}

func wasHeld(h hold) in {
	return func(_ *view, s *slotState) { s.hold, s.holdSince = h, noon.Add(-time.Minute) }
}

func was(p phase) in { return func(v *view, s *slotState) { s.phase, v.healthy = p, p == attended } }

func beside(container string) in {
	return func(v *view, _ *slotState) { v.pause.Container = container }
}

func notLive(v *view, _ *slotState)    { v.pointers = pointers{live: green} }
func locked(v *view, _ *slotState)     { v.lockHeld = true }
func fenceUp(v *view, _ *slotState)    { v.fence = "something runs" }
func native(v *view, _ *slotState)     { v.native = true }
func next(v *view, _ *slotState)       { v.next = true }
func forwards(v *view, _ *slotState)   { v.pause.Forward = true }
func inside(v *view, _ *slotState)     { v.inside, v.stopBy = 1, noon.Add(time.Minute) }
func idles(v *view, _ *slotState)      { v.idle = time.Minute }
func unreadable(v *view, _ *slotState) { v.pauseUnknown = true }

// Every cell of the decision.
func TestDecide(t *testing.T) {
	const minute = time.Minute
	tests := []struct {
		name  string
		in    in
		do    []*action
		role  role // "" is live
		hold  hold
		phase phase // as before unless the row says otherwise
	}{
		{name: "nothing to do", in: all()},

		// What the slot is to its app.
		{name: "retired", in: notLive, role: retired},
		{name: "retired while nothing is attended", in: all(notLive, was(unattended)), do: []*action{attach}, role: retired},
		{name: "retired, and created", in: all(notLive, was(created)), do: []*action{attach}, role: retired, phase: created},
		{name: "retired, none runs", in: all(notLive, was(gone)), do: []*action{attach}, role: retired, phase: unattended},
		{name: "retired and paused", in: all(notLive, paused(state.PauseAsked, minute)), do: []*action{clearPause}, role: retired},
		{name: "retired, its fence stays", in: all(notLive, paused(state.PauseAdopt, -minute), beside("c")), role: retired},
		{name: "retired, asked for another release", in: all(notLive, next, locked), do: []*action{dropNext}, role: retired},
		{name: "live again", in: func(_ *view, s *slotState) { s.role = retired }, do: []*action{clearDrain}},
		{name: "live again with a part of its containers", in: func(v *view, s *slotState) { s.role, v.partial = retired, true }, do: []*action{clearDrain, letGo, start}},
		{name: "live again, and none ran", in: all(was(gone), func(_ *view, s *slotState) { s.role = retired }), do: []*action{clearDrain, start}, phase: attended},
		{name: "candidate", in: func(v *view, s *slotState) {
			v.pointers, s.standing = pointers{live: green, held: true, names: blue.String()}, standing{}
		}, role: candidate},
		{name: "the pointers cannot be read", in: func(v *view, _ *slotState) { v.pointers, v.roleUnknown = pointers{}, true }},
		{name: "the pointers cannot be read at first", in: func(v *view, s *slotState) { v.roleUnknown, s.standing = true, standing{} }},

		// Whether requests wait.
		{name: "pause", in: paused(state.PauseAsked, minute), do: []*action{holdRequests, closeWebsockets}, hold: pausing},
		{name: "pause of a native app", in: all(native, paused(state.PauseAsked, minute)), do: []*action{freezeOrThaw, closeWebsockets}, hold: pausing},
		{name: "pause that goes on", in: all(wasHeld(pausing), paused(state.PauseAsked, minute)), do: []*action{closeWebsockets}, hold: pausing},
		{name: "pause that cannot be read", in: all(wasHeld(pausing), unreadable), do: []*action{admitRequests}},
		{name: "pause not carried out", in: all(native, wasHeld(pausing), paused(state.PauseAsked, minute), func(v *view, s *slotState) { v.thawing, s.frozen = true, true }), do: []*action{freezeOrThaw, closeWebsockets}, hold: pausing},
		{name: "pause is over", in: all(wasHeld(pausing), paused(state.PauseAsked, -minute)), do: []*action{clearPause, admitRequests}},
		{name: "pause of a native app is over", in: all(native, wasHeld(pausing), paused(state.PauseAsked, -minute), func(_ *view, s *slotState) { s.frozen = true }), do: []*action{clearPause, freezeOrThaw}},
		{name: "pause was lifted", in: wasHeld(pausing), do: []*action{admitRequests}},

		// What must not run together.
		{name: "adoption", in: all(was(unattended), paused(state.PauseAdopt, minute), beside("c"), locked), do: []*action{holdRequests, closeWebsockets, create}, hold: pausing, phase: created},
		{name: "adoption past its deadline", in: all(was(created), wasHeld(pausing), paused(state.PauseAdopt, -minute), beside("c"), locked, fenceUp), do: []*action{closeWebsockets}, hold: fenced, phase: created},
		{name: "adoption has its containers to itself", in: all(was(created), wasHeld(fenced), paused(state.PauseAdopt, -minute), beside("c"), locked), do: []*action{clearPause, admitRequests, start}, phase: attended},
		{name: "killed adoption", in: all(was(created), wasHeld(pausing), paused(state.PauseAdopt, minute), beside("c"), fenceUp), do: []*action{closeWebsockets, forwardRequests}, hold: fenced, phase: created},
		{name: "killed adoption whose container is gone", in: all(was(created), wasHeld(fenced), paused(state.PauseAdopt, minute), beside("c"), func(v *view, _ *slotState) { v.forwards = true }), do: []*action{clearPause, admitRequests, endForward, start}, phase: attended},
		{name: "behind the other slot", in: all(was(unattended), paused(state.PauseReplace, -minute), fenceUp), do: []*action{holdRequests, closeWebsockets, create}, hold: fenced, phase: created},
		{name: "the other slot has ended", in: all(was(created), wasHeld(fenced), paused(state.PauseReplace, minute)), do: []*action{clearPause, admitRequests, start}, phase: attended},
		{name: "takes requests in for the other", in: all(was(unattended), paused(state.PauseStandIn, minute), fenceUp, func(v *view, _ *slotState) { v.otherFilled = true }), do: []*action{pointBack, holdRequests, closeWebsockets}, hold: fenced, phase: unattended},
		{name: "took requests in for the other", in: all(was(unattended), wasHeld(fenced), notLive, paused(state.PauseStandIn, minute)), do: []*action{admitRequests}, role: retired, phase: unattended},
		{name: "the native app of an ordinary pause is not started", in: all(native, was(unattended), wasHeld(pausing), paused(state.PauseAsked, minute)), do: []*action{closeWebsockets, create}, hold: pausing, phase: created},
		{name: "an ordinary pause starts the containers", in: all(was(unattended), wasHeld(pausing), paused(state.PauseAsked, minute)), do: []*action{closeWebsockets, start}, hold: pausing, phase: attended},

		// Giving the app back.
		{name: "release begins", in: all(paused(state.PauseUnadopt, minute), beside("c")), do: []*action{holdRequests, closeWebsockets}, hold: pausing},
		{name: "release, a connection is inside", in: all(wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c"), inside), do: []*action{closeWebsockets}, hold: pausing},
		{name: "release, nothing is inside", in: all(wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c")), do: []*action{closeWebsockets, stopForOriginal}, hold: pausing, phase: stopped},
		{name: "release, the time is over", in: all(wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c"), inside, func(v *view, _ *slotState) { v.stopBy = noon }), do: []*action{closeWebsockets, stopForOriginal}, hold: pausing, phase: stopped},
		{name: "release, stopped", in: all(was(stopped), wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c")), do: []*action{closeWebsockets}, hold: pausing, phase: stopped},
		{name: "release, the originals answer", in: all(was(stopped), wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c"), forwards), do: []*action{closeWebsockets, forwardRequests}, hold: pausing, phase: stopped},
		{name: "release was given up", in: all(was(stopped), wasHeld(pausing)), do: []*action{admitRequests, start}, phase: attended},
		{name: "release past its deadline, the original runs", in: all(was(stopped), wasHeld(pausing), paused(state.PauseUnadopt, -minute), beside("c"), fenceUp), do: []*action{closeWebsockets}, hold: fenced, phase: stopped},
		{name: "release comes before a replacement", in: all(was(stopped), wasHeld(pausing), paused(state.PauseUnadopt, minute), beside("c"), next, locked), do: []*action{closeWebsockets}, hold: pausing, phase: stopped},

		// Another release in the place of the slot's.
		{name: "replacement", in: all(next, locked), do: []*action{replaceRelease}},
		{name: "replacement in a pause", in: all(next, locked, wasHeld(pausing), paused(state.PauseAsked, minute)), do: []*action{closeWebsockets, replaceRelease}, hold: pausing},
		{name: "replacement of an app that is asleep", in: all(was(asleep), next, locked), do: []*action{replaceRelease}, phase: attended},
		{name: "replacement whose command is gone", in: next, do: []*action{dropNext}},

		// Sleep.
		{name: "falls asleep", in: idles, do: []*action{fallAsleep}},
		{name: "is used", in: all(idles, func(v *view, _ *slotState) { v.used = true })},
		{name: "was used a moment ago", in: all(idles, func(_ *view, s *slotState) { s.usedAt = noon.Add(-time.Second) })},
		{name: "is not well", in: all(idles, func(v *view, _ *slotState) { v.healthy = false })},
		{name: "a command is at work", in: all(idles, locked)},
		{name: "a holder may still be there", in: all(idles, func(_ *view, s *slotState) { s.holder = true }), do: []*action{removeHolder}},
		{name: "asleep", in: all(idles, was(asleep)), do: []*action{watchQueue, holdNeeds}, phase: asleep},
		{name: "asleep and watched", in: all(idles, was(asleep), func(v *view, _ *slotState) { v.watched = true }), do: []*action{holdNeeds}, phase: asleep},
		{name: "asleep, and somebody comes", in: all(idles, was(asleep), func(v *view, _ *slotState) { v.queued = true }), do: []*action{wake, start}, phase: attended},
		{name: "asleep, and the app has no idle time any more", in: was(asleep), do: []*action{wake, start}, phase: attended},
		{name: "asleep and retired", in: all(idles, was(asleep), notLive, func(v *view, _ *slotState) { v.watched = true }), do: []*action{endWatch}, role: retired, phase: asleep},
		{name: "asleep and paused", in: all(idles, was(asleep), wasHeld(pausing), paused(state.PauseAsked, minute)), do: []*action{closeWebsockets}, hold: pausing, phase: asleep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, s := servingView(), servingState()
			tt.in(&v, &s)
			got, do := decide(v, s)
			if diff := cmp.Diff(names(tt.do), names(do)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			want := tt.phase
			if want == unattended && s.phase == attended {
				want = attended
			}
			if tt.role == "" {
				tt.role = live
			}
			if got.role != tt.role || got.hold != tt.hold || got.phase != want {
				t.Errorf("%s, %q, %q; want %s, %q, %q", got.role, got.hold, got.phase, tt.role, tt.hold, want)
			}
		})
	}
}

func names(do []*action) (list []string) {
	for _, a := range do {
		list = append(list, a.name)
	}
	return list
}

func TestRoute(t *testing.T) {
	tests := []struct {
		name   string
		in     in
		usable bool
		parked int
		want   route
	}{
		{"serves", all(), true, 0, toContainers},
		{"no container takes connections", all(), false, 0, nowhere},
		{"held", wasHeld(pausing), true, 0, nowhere},
		{"held, and the originals serve", all(wasHeld(pausing), func(v *view, _ *slotState) { v.forwards = true }), true, 0, toOriginals},
		{"retired", func(_ *view, s *slotState) { s.role = retired }, true, 0, toContainers},
		{"retired without a container", func(_ *view, s *slotState) { s.role = retired }, false, 0, toLive},
		{"retired in its sleep", all(was(asleep), func(_ *view, s *slotState) { s.role = retired }), false, 0, toLive},
		{"took requests in", all(native, paused(state.PauseStandIn, 0), func(_ *view, s *slotState) { s.role = retired }), false, 0, toLive},
		{"native", native, false, 0, toNobody},
		{"native, and some came before it", native, false, 1, toOwnSocket},
		{"native and held", all(native, wasHeld(pausing)), false, 1, nowhere},
		{"native and not well", all(native, was(unattended)), false, 1, nowhere},
	}
	for _, tt := range tests {
		v, s := servingView(), servingState()
		tt.in(&v, &s)
		if got := routeIn(v, s, tt.usable, tt.parked); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFence(t *testing.T) {
	tests := []struct {
		name string
		in   in
		role role
		want fence
	}{
		{"no pause", all(), live, namedContainers}, // none
		{"ordinary", paused(state.PauseAsked, time.Minute), live, noFence},
		{"unreadable", unreadable, live, noFence},
		{"retired", paused(state.PauseReplace, time.Minute), retired, noFence},
		{"behind the other slot", paused(state.PauseReplace, time.Minute), candidate, otherSlot},
		{"takes requests in", paused(state.PauseStandIn, -time.Minute), live, relaySlot},
		{"adoption", all(paused(state.PauseAdopt, time.Minute), beside("c"), locked), live, noFence},
		{"killed adoption", all(paused(state.PauseAdopt, time.Minute), beside("c")), live, namedContainers},
		{"release in time", all(paused(state.PauseUnadopt, time.Minute), beside("c")), live, noFence},
		{"release past its deadline", all(paused(state.PauseUnadopt, -time.Minute), beside("c")), live, namedThenOther},
	}
	for _, tt := range tests {
		v, s := servingView(), servingState()
		tt.in(&v, &s)
		if got := fenceIn(v, tt.role); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// does tells whether a decision asks for that.
func does(do []*action, a *action) bool { return slices.Contains(do, a) }

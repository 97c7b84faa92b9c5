package serve

import (
	"testing"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
	slot := sockets.Slot{App: "myapp", Color: sockets.Blue}
	if err := paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	changes := make(chan struct{}, 1)
	w, err := watch(paths, slot, changes)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.Close() }()
	settle := func() {
		for {
			select {
			case <-changes:
			case <-time.After(100 * time.Millisecond):
				return
			}
		}
	}
	lock, err := paths.TakeLock(t.Context(), "myapp", "swap", 0)
	if err != nil {
		t.Fatal(err)
	}
	wakes := []struct {
		name string
		do   func() error
	}{
		{"switch", func() error { return sockets.SwitchLive(paths.Live("myapp"), paths.Run, slot) }},
		{"candidate", func() error { return lock.Candidate(slot) }},
		{"fill", func() error { return paths.FillSlot(slot, 1) }},
		{"next", func() error { return paths.SetNext(slot, 1) }},
		{"promote", func() error { return paths.Promote(t.Context(), slot, 1) }},
		{"pause", func() error { return paths.SetPause(slot, state.Pause{Until: time.Now()}) }},
		{"resume", func() error { return paths.ClearPause(slot) }},
		{"drain", func() error { return paths.SetDrain(slot, state.Drain{}) }},
		{"the command ends", func() error { lock.Unlock(); return nil }},
		{"empty", func() error { return paths.EmptySlot(slot) }},
	}
	for _, tt := range wakes {
		settle()
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
		case <-time.After(time.Minute):
			t.Errorf("%s: not noticed", tt.name)
		}
	}
	// A new watch, because the news of the above may still be on its way to this one.
	w.Close()
	changes = make(chan struct{}, 1)
	if w, err = watch(paths, slot, changes); err != nil {
		t.Fatal(err)
	}
	quiet := []func() error{
		func() error { _, _, err := paths.LockHolder("myapp"); return err }, // its own question
		func() error { return paths.WriteSlotStatus(slot, state.SlotStatus{}) },
		func() error { return paths.FillSlot(slot.Other(), 1) },
		func() error { return paths.Record("myapp", state.Event{}) },
	}
	for i, do := range quiet {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
			t.Errorf("woken by harmless change %d", i)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

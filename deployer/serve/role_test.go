package serve

import (
	"os"
	"testing"
	"time"

	"edgeman/deployer/state"
	"edgeman/sockets"
)

func TestRole(t *testing.T) {
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	green := blue.Other()
	tests := []struct {
		name string
		live *sockets.Slot
		hold *sockets.Slot // the lock is held and names it
		last role
		want role
	}{
		{"live", &blue, nil, live, live},
		{"live although a command fills it", &blue, &blue, candidate, live},
		{"candidate", &green, &blue, retired, candidate},
		{"candidate of an adoption", nil, &blue, retired, candidate},
		{"a command works on the other", &green, &green, live, retired},
		{"a command names none", &green, &sockets.Slot{}, candidate, retired},
		{"nobody wants it", &green, nil, live, retired},
		{"no pointer, no command", nil, nil, retired, retired},
		{"the pointer was removed", nil, nil, live, live},
		{"its command has just ended", &green, nil, candidate, candidate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
			if err := paths.MakeApp("myapp"); err != nil {
				t.Fatal(err)
			}
			if tt.live != nil {
				if err := sockets.SwitchLive(paths.Live("myapp"), paths.Run, *tt.live); err != nil {
					t.Fatal(err)
				}
			}
			if tt.hold != nil {
				lock, err := paths.TakeLock(t.Context(), "myapp", "swap", 0)
				if err != nil {
					t.Fatal(err)
				}
				defer lock.Unlock()
				if err := lock.Candidate(*tt.hold); err != nil {
					t.Fatal(err)
				}
			}
			was := standing{role: tt.last, wasLive: tt.last == live}
			if got, err := was.look(paths, blue, time.Now()); got.role != tt.want || err != nil {
				t.Errorf("got %s, %v; want %s", got.role, err, tt.want)
			}
		})
	}
}

func TestRoleStaysWhenItCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	paths := state.Paths{Etc: dir + "/etc", Var: dir + "/var", Run: dir + "/run"}
	if err := paths.MakeApp("myapp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/somewhere/else", paths.Live("myapp")); err != nil {
		t.Fatal(err)
	}
	blue := sockets.Slot{App: "myapp", Color: sockets.Blue}
	if got, err := (standing{role: live}).look(paths, blue, time.Now()); got.role != live || err == nil {
		t.Errorf("got %s, %v; want live and an error", got.role, err)
	}
}

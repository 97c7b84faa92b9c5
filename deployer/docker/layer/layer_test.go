package layer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// What an app has cached does not keep its secrets, or its data, from being looked
// at, however much it is.
func TestCandidatesThatMatterComeFirst(t *testing.T) {
	var changes []container.FilesystemChange
	for i := range maxStats + 1 {
		changes = append(changes, container.FilesystemChange{Kind: container.ChangeAdd, Path: fmt.Sprintf("/app/__pycache__/%03d.pyc", i)})
	}
	for _, path := range []string{"/srv/db", "/run/secrets/token", "/etc/config"} {
		changes = append(changes, container.FilesystemChange{Kind: container.ChangeAdd, Path: path})
	}
	var got []string
	for _, c := range candidates(changes, nil)[:4] {
		got = append(got, c.path)
	}
	if want := []string{"/run/secrets/token", "/etc/config", "/srv/db", "/app/__pycache__/000.pyc"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCandidates(t *testing.T) {
	const modified, added, deleted = container.ChangeModify, container.ChangeAdd, container.ChangeDelete
	tests := []struct {
		name    string
		changes []container.FilesystemChange
		mounts  []string
		want    []string
	}{
		{name: "nothing"},
		{name: "scratch", changes: []container.FilesystemChange{
			{Kind: modified, Path: "/var"},
			{Kind: modified, Path: "/var/log"},
			{Kind: added, Path: "/var/log/app.log"},
			{Kind: modified, Path: "/run"},
			{Kind: added, Path: "/run/app.pid"},
			{Kind: added, Path: "/tmp/x"},
			{Kind: added, Path: "/var/cache/x/y"},
			{Kind: modified, Path: "/root"},
			{Kind: added, Path: "/root/.cache"},
			{Kind: added, Path: "/root/.cache/pip"},
			{Kind: modified, Path: "/app"},
			{Kind: added, Path: "/app/__pycache__"},
			{Kind: added, Path: "/app/__pycache__/a.pyc"},
		}},
		{name: "data", changes: []container.FilesystemChange{
			{Kind: modified, Path: "/srv"}, {Kind: added, Path: "/srv/db.sqlite"}, {Kind: deleted, Path: "/etc/motd"}, {Kind: modified, Path: "/etc"},
		}, want: []string{"/etc/motd", "/srv/db.sqlite"}},
		{name: "looks like scratch", changes: []container.FilesystemChange{
			{Kind: added, Path: "/srv/tmp/upload"}, {Kind: added, Path: "/tmpfile"}, {Kind: added, Path: "/var/lib/cache.db"},
		}, want: []string{"/srv/tmp/upload", "/tmpfile", "/var/lib/cache.db"}},
		{name: "mount points", mounts: []string{"/data", "/deep/er/mount/"}, changes: []container.FilesystemChange{
			{Kind: added, Path: "/data"}, {Kind: added, Path: "/deep"}, {Kind: added, Path: "/deep/er"}, {Kind: added, Path: "/deep/er/mount"}, {Kind: added, Path: "/deep/file"},
		}, want: []string{"/deep/file"}},
		{name: "a deleted directory counts though a file in it does", changes: []container.FilesystemChange{
			{Kind: deleted, Path: "/opt"}, {Kind: deleted, Path: "/opt/x"},
		}, want: []string{"/opt", "/opt/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range candidates(tt.changes, tt.mounts) {
				if !c.scratch {
					got = append(got, c.path)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

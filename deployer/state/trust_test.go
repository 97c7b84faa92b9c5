package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/hint"
)

func TestOnlyTrustedFilesAreRead(t *testing.T) {
	write := func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte("A=1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // in the error; empty: none
	}{
		{"plain", write, ""},
		{"link", func(t *testing.T, path string) {
			write(t, path+".real")
			must(t, os.Symlink(path+".real", path))
		}, "is a symbolic link"},
		{"pipe", func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) }, "not a regular file"},
		{"directory", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "not a regular file"},
		{"written by others", func(t *testing.T, path string) {
			write(t, path)
			must(t, os.Chmod(path, 0o620))
		}, "chmod go-w"},
		{"in a directory of everybody's", func(t *testing.T, path string) {
			write(t, path)
			must(t, os.Chmod(filepath.Dir(path), 0o777))
		}, "chmod go-w"},
		{"below a directory of everybody's", func(t *testing.T, path string) {
			write(t, path)
			must(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777))
		}, "chmod go-w"},
		{"in a sticky directory", func(t *testing.T, path string) {
			write(t, path)
			must(t, os.Chmod(filepath.Dir(path), 0o777|os.ModeSticky))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testPaths(t)
			a := DefaultApp("myapp")
			a.EnvFile = filepath.Join(p.Etc, "apps", "env")
			tt.make(t, a.EnvFile)
			done := make(chan error, 1)
			go func() {
				_, err := a.Environment()
				done <- err
			}()
			select {
			case err := <-done:
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(hint.Text(err), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			case <-time.After(time.Minute):
				t.Fatal("still waiting for the file")
			}
		})
	}
}

func TestFileOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a directory away")
	}
	p := testPaths(t)
	a := DefaultApp("myapp")
	dir := filepath.Join(p.Etc, "theirs")
	a.EnvFile = filepath.Join(dir, "env")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.EnvFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, a.EnvFile} {
		if err := os.Chown(path, 65534, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Environment(); err == nil || !strings.Contains(err.Error(), path+" belongs to uid 65534") {
			t.Errorf("%s given away: %v", path, err)
		}
	}
}

package sockets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSlot(t *testing.T) {
	for _, good := range []string{"myapp:blue", "a:green", "0-0:blue", strings.Repeat("x", 31) + ":green"} {
		s, err := ParseSlot(good)
		if err != nil || s.String() != good {
			t.Errorf("%q: got %q, %v", good, s, err)
		}
		if s.Other() == s || s.Other().Other() != s || s.Other().App != s.App {
			t.Errorf("%q: the other slot is %q", good, s.Other())
		}
	}
	for _, bad := range []string{
		"", ":", "myapp", "myapp:", ":blue", "myapp:red", "myapp:Blue", "myapp:blue:green", "-a:blue",
		"My:blue", "a_b:blue", "a/b:blue", "../x:blue", "a.b:blue", " a:blue", "a:blue\n", "a\n:blue",
		strings.Repeat("x", 32) + ":blue", "é:blue",
	} {
		if s, err := ParseSlot(bad); err == nil {
			t.Errorf("%q: accepted as %q", bad, s)
		}
	}
}

func FuzzParseSlot(f *testing.F) {
	f.Add("myapp:blue")
	f.Add("a:green\n")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSlot(in)
		if err == nil && (s.String() != in || strings.ContainsAny(in, "/\n %@\x00") || len(in) > 37) {
			t.Errorf("%q accepted as %q", in, s)
		}
	})
}

func TestSlotNames(t *testing.T) {
	s := Slot{"myapp", Blue}
	for got, want := range map[string]string{
		s.SocketUnit():  "edgeman@myapp:blue.socket",
		s.ServiceUnit(): "edgeman@myapp:blue.service",
		SocketPath(s.SocketDir("/run/edgeman"), "8080"): "/run/edgeman/myapp:blue/8080.sock",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// sun_path holds 107 bytes.
	if n := len(SocketPath((Slot{strings.Repeat("x", 31), Green}).SocketDir("/run/edgeman"), "65535")); n > 107 {
		t.Errorf("the longest path has %d bytes", n)
	}
}

func TestLive(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "live")
	if s, ok, err := ReadLive(link); ok || err != nil {
		t.Fatalf("no pointer yet: got %v, %v, %v", s, ok, err)
	}
	// What a switch that was killed left behind.
	if err := os.Symlink("nowhere", link+".new"); err != nil {
		t.Fatal(err)
	}
	for _, color := range []string{Blue, Green, Green, Blue} {
		to := Slot{"myapp", color}
		if err := SwitchLive(link, "/run/edgeman", to); err != nil {
			t.Fatal(err)
		}
		if s, ok, err := ReadLive(link); s != to || !ok || err != nil {
			t.Errorf("switched to %s: got %v, %v, %v", to, s, ok, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestReadLiveForeignLinks(t *testing.T) {
	link := filepath.Join(t.TempDir(), "live")
	for _, target := range []string{"/run/other", "/run/edgeman/myapp:blue/8080.sock", "/run/edgeman/myapp:red", "/"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if s, ok, err := ReadLive(link); err == nil {
			t.Errorf("link to %s: got %v, %v", target, s, ok)
		}
		os.Remove(link)
	}
	if err := os.WriteFile(link, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadLive(link); err == nil {
		t.Error("a plain file was read as a link")
	}
}

func TestValidListener(t *testing.T) {
	for _, good := range []string{"1", "80", "65535"} {
		if err := ValidListener(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "0", "080", "65536", "655350", "http", "80\n", "-1", "8/0", "٣"} {
		if ValidListener(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

package serve

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestProgramPages(t *testing.T) {
	maps := "00400000-0083f000 r-xp 00000000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"0083f000-00d1c000 r--p 0043f000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"00d1c000-00d78000 rw-p 0091c000 fe:01 1234   /usr/local/bin/edgeman\n" +
		"00d78000-00dbf000 rw-p 00000000 00:00 0 \n" +
		"7f0000000000-7f0000001000 r--p 00000000 fe:01 99 /usr/lib/other\n"
	got := programPages([]byte(maps), "/usr/local/bin/edgeman")
	want := []pages{{0x400000, 0x83f000}, {0x83f000, 0xd1c000}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestReleaseMemoryHarmsNothing(t *testing.T) {
	releaseMemory()
	if s := fmt.Sprint(strings.Repeat("x", 3), errors.New("y")); s != "xxxy" && s != "xxx y" {
		t.Error(s)
	}
}

func TestLoggerDoesNotRepeatItself(t *testing.T) {
	var out bytes.Buffer
	say := logger(&out)
	for range 5 {
		say("docker is away\nhint: look")
	}
	say("docker is back")
	if want := "edgeman: docker is away; hint: look\nedgeman: docker is back\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

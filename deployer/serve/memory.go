package serve

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxThreads bounds the processors in use; one moves far more bytes than one
// app answers on this many.
const maxThreads = 4

// limitMemory keeps the process small: there is one for each slot, and most of the
// time it does nothing. The heap is a few megabytes, so collecting it often
// costs next to nothing.
func limitMemory() {
	debug.SetGCPercent(40)
	runtime.GOMAXPROCS(min(runtime.NumCPU(), maxThreads))
}

// releaseMemory returns to the system what the process does not need while it does
// nothing: free heap, and the parts of its program that only starting needed.
// The kernel has those in the page cache and maps them again when they are used.
func releaseMemory() {
	debug.FreeOSMemory()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	// What an upgrade replaced while it ran goes by this name.
	exe = strings.TrimSuffix(exe, " (deleted)")
	for _, r := range programPages(maps, exe) {
		// Never written to, so nothing is lost. What fails stays resident.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.start, r.end-r.start, unix.MADV_DONTNEED)
	}
}

type pages struct{ start, end uintptr }

// programPages finds the mappings of the file exe that cannot be written to in
// the text of /proc/self/maps: "start-end perms offset device inode path".
func programPages(maps []byte, exe string) []pages {
	var out []pages
	for scan := bufio.NewScanner(bytes.NewReader(maps)); scan.Scan(); {
		f := bytes.Fields(scan.Bytes())
		if len(f) < 6 || string(f[5]) != exe || f[1][1] == 'w' {
			continue
		}
		from, to, ok := bytes.Cut(f[0], []byte("-"))
		start, err1 := strconv.ParseUint(string(from), 16, 64)
		end, err2 := strconv.ParseUint(string(to), 16, 64)
		if ok && err1 == nil && err2 == nil && start < end {
			out = append(out, pages{uintptr(start), uintptr(end)})
		}
	}
	return out
}

// calm is since when nothing has needed memory.
type calm struct {
	since   time.Time
	total   uint64 // connections that had come in by then
	trimmed bool
}

// trimAfter is how long nothing must go on before memory is given back.
const trimAfter = 9 * time.Second

// trim gives memory back to the system once all is quiet: the app is up and
// nothing has come in for a while.
func (k *keeper) trim() {
	inside, parked := k.front.Gate.Counts()
	total := k.front.Gate.Total()
	switch {
	case inside+parked > 0 || !k.serves() && k.phase != asleep || total != k.calm.total:
		k.markActive()
		k.calm.total = total
	case k.calm.trimmed || time.Since(k.calm.since) < trimAfter:
	default:
		k.calm.trimmed = true
		releaseMemory()
	}
}

// markActive says that something goes on that needs memory.
func (k *keeper) markActive() { k.calm.since, k.calm.trimmed = time.Now(), false }

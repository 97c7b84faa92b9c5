package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Outcomes of an operation.
const (
	Done   = "done"
	Failed = "failed" // and undone
	Broken = "broken" // failed and not fully undone
)

// Event is one line of an app's history.
type Event struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Release   int       `json:"release,omitempty"`
	Image     string    `json:"image,omitempty"`
	Digest    string    `json:"digest,omitempty"`
	From      int       `json:"from,omitempty"`
	Slot      string    `json:"slot,omitempty"`
	By        string    `json:"by"`
	Seconds   float64   `json:"seconds"`
	Start     float64   `json:"start,omitempty"` // seconds until the release was healthy
	Boot      float64   `json:"boot,omitempty"`  // of them, since its container was started
	Stop      float64   `json:"stop,omitempty"`  // seconds that the container before it took to end
	Outcome   string    `json:"outcome"`
	Note      string    `json:"note,omitempty"`

	Ended
}

// historyMost is how long a history may get, in bytes: about a thousand events.
// The older half is dropped then.
const historyMost = 256 << 10

// Record appends e to the app's history and syncs it. A line that a power cut
// tore stays by itself. It takes the app's state lock: a slot's service, which
// holds no other, must not append to what a command is just shortening.
func (p Paths) Record(app string, e Event) error {
	return p.WithState(context.Background(), app, func() error {
		path := filepath.Join(p.App(app), "history.jsonl")
		if err := appendEvent(path, e); err != nil {
			return fmt.Errorf("recording history: %w", err)
		}
		if err := trimHistory(path); err != nil {
			return fmt.Errorf("shortening history: %w", err)
		}
		return nil
	})
}

func appendEvent(path string, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	torn, err := endsTorn(f)
	if err != nil {
		return err
	}
	if torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// trimHistory drops whole lines from the beginning of a history that has grown
// too long.
func trimHistory(path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Size() <= historyMost {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, data, _ = bytes.Cut(data[len(data)-historyMost/2:], []byte("\n"))
	return WriteFile(path, data, 0o600)
}

// endsTorn tells whether the last line of f lacks its end.
func endsTorn(f *os.File) (bool, error) {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], st.Size()-1)
	return last[0] != '\n', err
}

// History reads the app's events, oldest first. A line that a power cut tore
// is left out.
func (p Paths) History(app string) ([]Event, error) {
	data, err := os.ReadFile(filepath.Join(p.App(app), "history.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	var events []Event
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			events = append(events, e)
		}
	}
	return events, lines.Err()
}

// Caller is who runs this command: the user behind sudo, if there is one. A
// timer's or a service's has no name in its environment.
func Caller() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	if os.Getuid() == 0 {
		return "root"
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// CheckRun is the last run of edgeman check that remembered what it found. It is
// what others read of check's memory; the rest of the file is check's own.
type CheckRun struct {
	LastRun time.Time `json:"last_run"`
	Exit    int       `json:"exit"`
}

// LastCheck reads the last run; nil if there was none. It is an extra: what
// cannot be read is as good as none.
func (p Paths) LastCheck() *CheckRun {
	var run CheckRun
	if readJSON(p.CheckMemory(), &run) != nil || run.LastRun.IsZero() {
		return nil
	}
	return &run
}

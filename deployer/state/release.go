package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoRelease is returned for a release that has no record.
var ErrNoRelease = errors.New("no such release")

// Release is an immutable record of what a slot can run. It may hold secrets in
// Env and Settings, so its file is readable by root only.
type Release struct {
	App     string    `json:"app"`
	Number  int       `json:"number"`
	Image   string    `json:"image"`            // reference as the operator means it, myapp:v2
	ImageID string    `json:"image_id"`         // what is run: the tag may move, this does not
	Digest  string    `json:"digest,omitempty"` // registry digest, when the image came from one
	Created time.Time `json:"created"`
	By      string    `json:"by"`

	Mode      string     `json:"mode"`      // proxy or native
	Via       string     `json:"via"`       // netns or bridge, for mode proxy
	Listeners []Listener `json:"listeners"` // the ways into the app, the main one first
	Health    string     `json:"health,omitempty"`
	// HealthHeaders go with the request for Health, each "Name: value".
	HealthHeaders []string `json:"health_headers,omitempty"`

	Replicas int  `json:"replicas,omitempty"` // how many containers run it in one slot; 0 is 1, see Count
	Blocking bool `json:"blocking,omitempty"` // the socket is handed over in blocking mode, for mode native

	Command   []string        `json:"command,omitempty"`    // replaces the image's, from the app file
	Env       []string        `json:"env,omitempty"`        // from the app file and its env_file, as they were then
	Settings  json.RawMessage `json:"settings"`             // container settings, in the form of the docker adapter
	StopFirst []string        `json:"stop_first,omitempty"` // why two containers with these settings must not run at the same time
}

// Count is how many containers run this release in a slot, at least 1.
func (r Release) Count() int { return max(r.Replicas, 1) }

// Containers are the names of the containers that run this release in a slot:
// APP-SLOT-RELEASE, or APP-SLOT-RELEASE-1 to -N if there are several.
func (r Release) Containers(color string) []string {
	name := r.App + "-" + color + "-" + strconv.Itoa(r.Number)
	if r.Count() == 1 {
		return []string{name}
	}
	names := make([]string, r.Count())
	for i := range names {
		names[i] = name + "-" + strconv.Itoa(i+1)
	}
	return names
}

// Container is the first of Containers.
func (r Release) Container(color string) string { return r.Containers(color)[0] }

// Holder is the name of the container that holds what the release needs while it rests.
func (r Release) Holder(color string) string {
	return r.App + "-" + color + "-" + strconv.Itoa(r.Number) + "-rest"
}

// WriteRelease stores r under the next number, which it sets. A number is never
// used twice, not even that of a release that failed and was forgotten. The
// caller holds the app's lock.
func (p Paths) WriteRelease(r *Release) error {
	numbers, err := p.ReleaseNumbers(r.App)
	if err != nil {
		return err
	}
	events, err := p.History(r.App)
	if err != nil {
		return err
	}
	for _, e := range events {
		numbers = append(numbers, e.Release)
	}
	r.Number = 1
	if len(numbers) > 0 {
		r.Number = slices.Max(numbers) + 1
	}
	return WriteJSON(p.Release(r.App, r.Number), r)
}

// ReadRelease loads one release; ErrNoRelease if there is no record.
func (p Paths) ReadRelease(app string, number int) (Release, error) {
	return readRelease(p.Release(app, number))
}

func readRelease(path string) (Release, error) {
	var r Release
	err := readJSON(path, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w: %s", ErrNoRelease, path)
	}
	return r, err
}

// ReleaseNumbers lists the app's releases, oldest first.
func (p Paths) ReleaseNumbers(app string) ([]int, error) {
	entries, err := os.ReadDir(p.Releases(app))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing releases of %s: %w", app, err)
	}
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".json")); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// RemoveRelease deletes a record that nothing refers to any more.
func (p Paths) RemoveRelease(app string, number int) error {
	return removeFile(p.Release(app, number))
}

// ReadReleases loads all releases of the app, oldest first.
func (p Paths) ReadReleases(app string) ([]Release, error) {
	numbers, err := p.ReleaseNumbers(app)
	var all []Release
	for _, n := range numbers {
		r, unread := p.ReadRelease(app, n)
		if errors.Is(unread, ErrNoRelease) { // forgotten meanwhile
			continue
		}
		if unread != nil {
			err = errors.Join(err, unread)
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// OtherSettings are the container settings of the app's releases but number,
// newest first.
func (p Paths) OtherSettings(app string, number int) (out []json.RawMessage, err error) {
	releases, err := p.ReadReleases(app)
	for _, r := range slices.Backward(releases) {
		if r.Number != number {
			out = append(out, r.Settings)
		}
	}
	return out, err
}

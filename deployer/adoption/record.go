package adoption

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
	"edgeman/nginxconf"
	"edgeman/sockets/count"
)

// Record is the record of what adopt took over: everything that
// unadopt needs to give it back, written before the first change.
type Record struct {
	App      string          `json:"app"`
	Site     string          `json:"site"` // the first
	Sites    []string        `json:"sites"`
	Upstream string          `json:"upstream,omitempty"`
	Class    nginxconf.Class `json:"class"`
	Plan     *nginxconf.Plan `json:"plan"` // edits, with each file's bytes before and after

	Original            // the first, and usually the only one
	Others   []Original `json:"others,omitempty"`

	Image          string    `json:"image"` // of all of them
	ImageID        string    `json:"image_id"`
	Release        int       `json:"release"`
	StopFirst      bool      `json:"stop_first"`                // old and new must not run at the same time
	Beside         bool      `json:"beside,omitempty"`          // the originals run on, for ports that were not taken over
	Health         string    `json:"health,omitempty"`          // the path that it is known to answer
	HealthListener string    `json:"health_listener,omitempty"` // on the port of that listener; empty: the first
	Headers        []string  `json:"health_headers,omitempty"`  // sent with the request for it
	By             string    `json:"by"`
	Time           time.Time `json:"time"`
}

// Original is a container that served before adopt.
type Original struct {
	At            []Served `json:"at"`        // one for each of the app's listeners, in their order
	Container     string   `json:"container"` // its name
	ContainerID   string   `json:"container_id"`
	RestartPolicy string   `json:"restart_policy"`
}

// Served is an address at which a container served.
type Served struct {
	Listener string         `json:"listener"` // that has its place now
	Target   string         `json:"target"`   // the address as nginx's files spelled it
	Address  netip.AddrPort `json:"address"`
	Direct   bool           `json:"direct,omitempty"` // it is the container's own, not a published port
}

// Target is the first of its addresses, as nginx's files spelled it.
func (o Original) Target() string { return o.At[0].Target }

// Direct is the container's own address, if it is among those where it served.
func (o Original) Direct() (ip netip.Addr, direct bool) {
	for _, s := range o.At {
		if s.Direct {
			return s.Address.Addr(), true
		}
	}
	return ip, false
}

// Originals are all containers that served before.
func (a Record) Originals() []Original { return append([]Original{a.Original}, a.Others...) }

// Ids are the ids of their containers.
func (a Record) Ids() []string { return a.each(func(o Original) string { return o.ContainerID }) }

func (a Record) each(of func(Original) string) (list []string) {
	for _, o := range a.Originals() {
		list = append(list, of(o))
	}
	return list
}

// Connections counts those to each original.
func (a Record) Connections() (each []int, total int, err error) {
	for _, o := range a.Originals() {
		var at []netip.AddrPort
		for _, s := range o.At {
			at = append(at, s.Address)
		}
		n, err := count.TCP(at...)
		if err != nil {
			return nil, 0, err
		}
		each, total = append(each, n), total+n
	}
	return each, total, nil
}

// OldOnes names the originals for people, with the connections of each at the
// switch and at the end where there are several.
func (a Record) OldOnes(before, after []int) string {
	if len(a.Others) == 0 {
		return "old container"
	}
	var words []string
	for i, name := range a.Names() {
		words = append(words, fmt.Sprintf("%s %d → %d", name, before[i], after[i]))
	}
	return "old containers (" + strings.Join(words, ", ") + ")"
}

// addresses are those at which the originals served, as nginx's files spelled them.
func (a Record) addresses() (list []string) {
	for _, o := range a.Originals() {
		for _, s := range o.At {
			list = append(list, s.Target)
		}
	}
	return list
}

func (a Record) Targets() string {
	return strings.Join(a.addresses(), ", ")
}

// Goes is subject and verb for messages: "X goes" or "X, Y go".
func (a Record) Goes() string {
	if len(a.addresses()) > 1 {
		return a.Targets() + " go"
	}
	return a.Targets() + " goes"
}

func (a Record) Names() []string { return a.each(func(o Original) string { return o.Container }) }

// Containers names them: "container web" or "containers web-1, web-2".
func (a Record) Containers() string {
	return words.Noun(len(a.Others)+1, "container") + " " + strings.Join(a.Names(), ", ")
}

// ErrNone is returned where an app has no adoption on record.
var ErrNone = errors.New("nothing on record to give back")

// Write stores the record and each container's whole inspect output,
// from which it can be made again when somebody has pruned it. Both may hold
// secrets, so both are root's only.
func Write(p state.Paths, a Record, inspects []json.RawMessage) error {
	for i, inspect := range inspects {
		if err := state.WriteJSON(p.Original(a.App, i), inspect); err != nil {
			return err
		}
	}
	return state.WriteJSON(filepath.Join(p.Site(a.App), "adoption.json"), a)
}

// Read loads the record; ErrNone if there is none.
func Read(p state.Paths, app string) (Record, error) {
	var a Record
	data, err := os.ReadFile(filepath.Join(p.Site(app), "adoption.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s: %w", app, ErrNone)
	}
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return a, fmt.Errorf("reading what was adopted as %s: %w", app, err)
	}
	return a, nil
}

func ReadInspect(p state.Paths, app string, i int) (json.RawMessage, error) {
	data, err := os.ReadFile(p.Original(app, i))
	if err != nil {
		return nil, fmt.Errorf("reading the adopted container's settings: %w", err)
	}
	return data, nil
}

// LedTo tells whether one of the files that were edited still holds the app's live
// pointer, which is below that path. One that cannot be read may.
func (a Record) LedTo(live string) bool {
	for _, f := range a.Plan.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Contains(data, []byte("unix:"+live+"/")) {
			return true
		}
	}
	return len(a.Plan.Files) == 0
}

// After are the files as adopt leaves them.
func (a Record) After() map[string][]byte { return a.Plan.After() }

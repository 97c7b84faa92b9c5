package deployer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"edgeman/deployer/state"
	"edgeman/nginxconf"
)

// Adoption is the record of what adopt took over: everything that release needs
// to give it back, written before the first change.
type Adoption struct {
	App      string          `json:"app"`
	Site     string          `json:"site"`
	Target   string          `json:"target"` // the address as nginx's files spelled it
	Address  netip.AddrPort  `json:"address"`
	Upstream string          `json:"upstream,omitempty"`
	Class    nginxconf.Class `json:"class"`
	Plan     *nginxconf.Plan `json:"plan"` // edits, with each file's bytes before and after

	Container     string    `json:"container"` // its name
	ContainerID   string    `json:"container_id"`
	RestartPolicy string    `json:"restart_policy"`
	Image         string    `json:"image"`
	ImageID       string    `json:"image_id"`
	Release       int       `json:"release"`
	Recreate      bool      `json:"recreate"` // old and new must not run at the same time
	Health        string    `json:"health,omitempty"`
	By            string    `json:"by"`
	Time          time.Time `json:"time"`
}

// ErrNotAdopted is returned where an app has no adoption on record.
var ErrNotAdopted = errors.New("nothing on record to give back")

// writeAdoption stores the record and the container's whole inspect output,
// from which it can be made again when somebody has pruned it. Both may hold
// secrets, so both are root's only.
func writeAdoption(p state.Paths, a Adoption, inspect json.RawMessage) error {
	if err := state.WriteJSON(filepath.Join(p.Site(a.App), "container.json"), inspect); err != nil {
		return err
	}
	return state.WriteJSON(filepath.Join(p.Site(a.App), "adoption.json"), a)
}

// readAdoption loads the record; ErrNotAdopted if there is none.
func readAdoption(p state.Paths, app string) (Adoption, error) {
	var a Adoption
	data, err := os.ReadFile(filepath.Join(p.Site(app), "adoption.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s: %w", app, ErrNotAdopted)
	}
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return a, fmt.Errorf("reading what was adopted as %s: %w", app, err)
	}
	return a, nil
}

func readInspect(p state.Paths, app string) (json.RawMessage, error) {
	data, err := os.ReadFile(filepath.Join(p.Site(app), "container.json"))
	if err != nil {
		return nil, fmt.Errorf("reading the adopted container's settings: %w", err)
	}
	return data, nil
}

// after are the files as adopt leaves them.
func (a Adoption) after() map[string][]byte {
	files := map[string][]byte{}
	for _, f := range a.Plan.Files {
		files[f.Path] = f.After
	}
	return files
}

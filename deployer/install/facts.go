package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"reflect"
	"slices"
	"strconv"
	"time"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
)

// Facts are what install found on the host and what it put there. They hold
// nothing secret and everybody may read them.
type Facts struct {
	Version   string     `json:"version"`            // edgeman's
	Program   string     `json:"program"`            // path that the units start
	Installed time.Time  `json:"installed,omitzero"` // absent before the first time
	Systemd   string     `json:"systemd"`
	Docker    string     `json:"docker"` // API version; empty if the daemon did not answer
	Nginx     NginxFacts `json:"nginx"`
	Files     []string   `json:"files"` // what uninstall removes
}

// NginxFacts are what the units and the plans depend on.
type NginxFacts struct {
	Binary  string `json:"binary"`
	Version string `json:"version"`
	Main    string `json:"main"`
	User    string `json:"user"`  // of the workers
	Group   string `json:"group"` // theirs too; it owns the slots' sockets
}

func (f Facts) summary() string {
	docker := "Docker not reached"
	if f.Docker != "" {
		docker = "Docker API " + f.Docker
	}
	return fmt.Sprintf("nginx %s of group %s, systemd %s, %s", f.Nginx.Version, f.Nginx.Group, f.Systemd, docker)
}

// ReadFacts is the record of the last install; false if there was none.
func (h *Host) ReadFacts() (Facts, bool, error) {
	var f Facts
	data, err := os.ReadFile(h.Paths.HostFacts())
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return f, false, fmt.Errorf("reading the host's facts: %w", err)
	}
	return f, true, nil
}

func (h *Host) WriteFacts(f *Facts) error {
	f.Installed = time.Now().UTC()
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return installFile{path: h.Paths.HostFacts(), mode: 0o644, data: append(data, '\n')}.write()
}

// remember lists what uninstall is to remove: these files and what earlier
// installs put there. While Docker does not answer, its last known version stays.
func (h *Host) remember(f *Facts, files []installFile) error {
	for _, file := range files {
		f.Files = append(f.Files, file.path)
	}
	old, _, err := h.ReadFacts()
	if err != nil {
		return err
	}
	for _, path := range old.Files {
		if _, err := os.Lstat(path); err == nil && !slices.Contains(f.Files, path) {
			f.Files = append(f.Files, path)
		}
	}
	slices.Sort(f.Files)
	f.Installed = old.Installed
	if f.Docker == "" {
		f.Docker = old.Docker
	}
	return nil
}

// sameFacts tells whether the record says what is true now.
func (h *Host) sameFacts(f Facts) (bool, error) {
	old, ok, err := h.ReadFacts()
	if err != nil || !ok {
		return false, err
	}
	old.Installed = f.Installed
	return reflect.DeepEqual(old, f), nil
}

// findFacts asks the host. Docker may be down: only commands that adopt or swap
// need it.
func (h *Host) findFacts(ctx context.Context) (Facts, error) {
	f := Facts{Version: h.Version}
	var err error
	if f.Nginx, err = h.nginxFacts(ctx); err != nil {
		return f, err
	}
	if f.Systemd, err = h.Units.Version(ctx); err != nil {
		return f, fmt.Errorf("asking systemd for its version: %w", err)
	}
	if h.Docker != nil {
		f.Docker = h.Docker.API()
	}
	return f, nil
}

// nginxFacts needs a running nginx, because only its workers tell for certain
// under which group they run. For a stopped one the last record is used.
func (h *Host) nginxFacts(ctx context.Context) (NginxFacts, error) {
	found, err := h.Nginx.Facts(ctx)
	if err != nil {
		return NginxFacts{}, fmt.Errorf("looking at nginx: %w", err)
	}
	f := NginxFacts{Binary: found.Binary, Version: found.Version, Main: found.Main}
	if !found.Running {
		old, ok, err := h.ReadFacts()
		if err != nil {
			return f, err
		}
		if !ok || old.Nginx.Binary != f.Binary {
			return f, hint.With(outcome.Refuse("nginx does not run, and only its workers tell which group the sockets are for"), "systemctl start nginx")
		}
		f.User, f.Group = old.Nginx.User, old.Nginx.Group
		return f, nil
	}
	f.User = userName(found.Identity.UID)
	f.Group = groupName(found.Identity.GID)
	return f, nil
}

// userName is the name for people and units; a number is as good where no name
// is known.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

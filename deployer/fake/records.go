package fake

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"

	"edgeman/deployer/adoption"
	"edgeman/deployer/docker"
	"edgeman/deployer/nginx"
	"edgeman/deployer/state"
	"edgeman/nginxconf"
	"edgeman/sockets"
)

// OnRecord writes what adopt keeps for release: one edit of a site file that
// nginx is led to the slot by, and the container that served before. Nothing
// listens at its address.
func (w *World) OnRecord() (site string) {
	w.T.Helper()
	w.Adopted()
	site = filepath.Join(filepath.Dir(w.Dirs.Etc), "site")
	conf := filepath.Join(filepath.Dir(w.Dirs.Etc), "nginx.conf")
	before := "upstream my_app { server 127.0.0.1:1; }\nserver { location / { proxy_pass http://my_app; } }\n"
	err := errors.Join(os.WriteFile(site, []byte(before), 0o644), os.WriteFile(conf, []byte("events {}\nhttp { include "+site+"; }\n"), 0o644))
	if err != nil {
		w.T.Fatal(err)
	}
	c, err := nginxconf.Load(nginx.OSFiles{}, conf)
	if err != nil {
		w.T.Fatal(err)
	}
	targets, err := c.Targets(site)
	if err != nil {
		w.T.Fatal(err)
	}
	plan, err := c.Plan(nginxconf.Options{Socket: w.Dirs.LiveSocket("myapp", "8080"), App: "myapp"}, targets[0])
	if err != nil {
		w.T.Fatal(err)
	}
	old := docker.Container{
		ID: "old", Name: "old", Networks: []docker.Network{{IPv4: netip.MustParseAddr("127.0.0.1")}},
		Published: []docker.Port{{HostPort: 1, ContainerPort: 1, Proto: "tcp"}},
	}
	w.Containers["old"] = old
	err = adoption.Write(w.Dirs, adoption.Record{
		App: "myapp", Site: site, Sites: []string{site}, Plan: plan, ImageID: "sha256:v1", Release: 1,
		Original: adoption.Original{At: []adoption.Served{{Listener: "8080", Target: targets[0].Address, Address: targets[0].Addr}}, Container: "old", ContainerID: "old"},
	}, []json.RawMessage{json.RawMessage(`{}`)})
	if err == nil {
		err = os.WriteFile(site, plan.Files[0].After, 0o644)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return site
}

// Holds does what the slot's service does during a pause.
func (w *World) Holds(slot sockets.Slot) {
	w.T.Helper()
	if err := w.Dirs.WriteSlotStatus(slot, state.SlotStatus{Phase: state.PhaseHolding, Release: 1}); err != nil {
		w.T.Fatal(err)
	}
}

// Says is the live slot's own word.
func (w *World) Says(st state.SlotStatus) {
	w.T.Helper()
	if err := w.Dirs.WriteSlotStatus(sockets.Slot{App: "myapp", Color: sockets.Blue}, st); err != nil {
		w.T.Fatal(err)
	}
}

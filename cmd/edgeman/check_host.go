package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"edgeman/check"
	"edgeman/deployer/docker"
	"edgeman/deployer/nginx"
	"edgeman/sockets/systemd"
)

// checkedHost opens what there is to open. What should be there and does not
// answer is a finding, not an error.
func checkedHost(ctx context.Context, env *environment) (check.Env, func()) {
	local := recordsOnly(env)
	if server, err := nginx.Open(ctx, nginx.Options{}); err != nil {
		local.Nginx = silentNginx{err}
	} else {
		local.Nginx, local.Prefix, local.ErrorLog = server, server.Prefix, server.ErrorLog
	}
	closeUnits, closeDocker := openCheckUnits(ctx, &local), openCheckDocker(ctx, &local)
	return local, func() { closeUnits(); closeDocker() }
}

// recordsOnly is a host of which only the files are looked at.
func recordsOnly(env *environment) check.Env {
	local := check.Local()
	local.Euid = env.euid
	local.Apps = check.Records(env.paths)
	local.Nginx = silentNginx{errors.New("it is not asked here")}
	return local
}

// openCheckUnits leaves systemd out where it is not PID 1, and without root,
// whom alone its socket is for.
func openCheckUnits(ctx context.Context, local *check.Env) (done func()) {
	if _, err := os.Stat("/run/systemd/system"); err != nil || local.Euid != 0 {
		return func() {}
	}
	units, err := systemd.Open(ctx)
	local.Units = checkUnits{units, err}
	if err != nil {
		return func() {}
	}
	return units.Close
}

// openCheckDocker leaves Docker out where it is not installed.
func openCheckDocker(ctx context.Context, local *check.Env) (done func()) {
	if _, err := os.Stat("/var/run/docker.sock"); err != nil || local.Euid != 0 {
		return func() {}
	}
	client, err := docker.Open(ctx)
	local.Docker = checkDocker{client, err}
	if err != nil {
		return func() {}
	}
	return func() { client.Close() }
}

// silentNginx is an nginx that cannot be asked.
type silentNginx struct{ err error }

func (n silentNginx) Facts(context.Context) (nginx.Facts, error)    { return nginx.Facts{}, n.err }
func (n silentNginx) Test(context.Context) ([]nginx.Message, error) { return nil, n.err }

// checkUnits asks systemd for check.
type checkUnits struct {
	units *systemd.Units
	err   error
}

func (u checkUnits) Unit(ctx context.Context, name string) (check.Unit, error) {
	if u.err != nil {
		return check.Unit{}, u.err
	}
	i, err := u.units.State(ctx, name)
	return check.Unit{
		Name: name, Load: i.Load, Active: i.Active, Result: i.Result, FileState: i.FileState,
		Reload: i.NeedReload, LastRun: i.LastRun, NextRun: i.NextRun,
	}, err
}

// checkDocker asks Docker for check.
type checkDocker struct {
	client *docker.Client
	err    error
}

func (d checkDocker) Containers(ctx context.Context) ([]check.Container, error) {
	if d.err != nil {
		return nil, d.err
	}
	found, err := d.client.List(ctx, nil, true)
	if err != nil {
		return nil, err
	}
	var out []check.Container
	for _, c := range found {
		out = append(out, checkContainer(c))
	}
	return out, nil
}

func (d checkDocker) HasImage(ctx context.Context, id string) (bool, error) {
	if d.err != nil {
		return false, d.err
	}
	_, err := d.client.Image(ctx, id)
	if errors.Is(err, docker.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func checkContainer(c docker.Container) check.Container {
	out := check.Container{
		ID: c.ID, Name: c.Name, Image: c.Image, ImageID: c.ImageID, Running: c.Running, ExitCode: c.ExitCode, Labels: c.Labels,
		Paused: c.Status == "paused", Adrift: c.Adrift, Writes: c.Writes(),
	}
	for _, p := range c.Published {
		out.Published = append(out.Published, fmt.Sprintf("%s:%d", p.HostIP, p.HostPort))
	}
	var raw struct {
		State struct {
			Health *struct {
				Status        string
				FailingStreak int
				Log           []struct{ Output string }
			}
		}
	}
	if err := json.Unmarshal(c.Raw, &raw); err != nil {
		return out // no health to speak of
	}
	if h := raw.State.Health; h != nil {
		out.Health, out.FailingStreak = h.Status, h.FailingStreak
		if n := len(h.Log); n > 0 {
			out.HealthOutput = h.Log[n-1].Output
		}
	}
	return out
}

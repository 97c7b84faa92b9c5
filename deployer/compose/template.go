package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// template is what the service is called of which Compose makes a container that
// never starts: it shows what a container of the service is made of.
const template = "edgeman-template"

// left are the keys of a service that are about its containers' names and number, or
// life among others, none of which the template has.
var left = []string{"build", "container_name", "image", "depends_on", "links", "profiles", "provider", "pull_policy", "restart", "scale"}

// others are keys by which a service needs a container of another one.
var others = []string{"network_mode", "ipc", "pid", "volumes_from"}

// Refused reports the key of the service that cannot be carried, or "".
func (d Definition) Refused() string {
	for _, key := range others {
		if value := string(d.own[key]); strings.Contains(value, `"service:`) || strings.Contains(value, `"container:`) || key == "volumes_from" && len(d.own[key]) > 0 && value != "null" {
			return key
		}
	}
	return ""
}

// Template has Compose make a container as the definition says, and returns its
// name; it is never started, and the caller removes it. Networks and volumes are
// those that the project has: none is made, and none is changed. The image that the
// service runs has to be on this host.
func (c *Compose) Template(ctx context.Context, d Definition, image string) (name string, err error) {
	model, err := d.templateModel(image)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "edgeman-compose-")
	if err != nil {
		return "", fmt.Errorf("writing the template of service %s: %w", d.service.Name, err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "compose.json") // root's only, like the directory
	if err := os.WriteFile(file, model, 0o600); err != nil {
		return "", fmt.Errorf("writing the template of service %s: %w", d.service.Name, err)
	}
	_, err = c.call(ctx, makeLimit, d.service, []string{file}, "up", "--no-start", "--no-deps", "--pull", "never", template)
	return d.TemplateName(), err
}

// TemplateName is what Compose calls the template's container.
func (d Definition) TemplateName() string { return d.service.Project + "-" + template + "-1" }

// Renames are the names that the template has in its networks, and what a container
// of the service has there.
func (d Definition) Renames() map[string]string {
	return map[string]string{template: d.service.Name, d.TemplateName(): ""}
}

// templateModel is a project of the template alone.
func (d Definition) templateModel(image string) ([]byte, error) {
	ref, err := json.Marshal(strings.ReplaceAll(image, "$", "$$"))
	if err != nil {
		return nil, err
	}
	own := map[string]json.RawMessage{"image": ref}
	for key, value := range d.own {
		if !slices.Contains(left, key) {
			own[key] = value
		}
	}
	if raw := own["deploy"]; len(raw) > 0 { // what is not of its limits is of its number and its life
		var deploy map[string]json.RawMessage
		if err := json.Unmarshal(raw, &deploy); err != nil {
			return nil, fmt.Errorf("reading deploy of service %s: %w", d.service.Name, err)
		}
		delete(own, "deploy")
		if limits := deploy["resources"]; len(limits) > 0 {
			own["deploy"] = json.RawMessage(`{"resources":` + string(limits) + `}`)
		}
	}
	model := map[string]any{"name": d.service.Project, "services": map[string]any{template: own}}
	for _, kind := range []string{"networks", "volumes"} {
		var there map[string]struct{ Name string }
		if raw := d.model[kind]; len(raw) > 0 {
			if err := json.Unmarshal(raw, &there); err != nil {
				return nil, fmt.Errorf("reading the %s of project %s: %w", kind, d.service.Project, err)
			}
		}
		external := map[string]any{}
		for key, it := range there {
			external[key] = map[string]any{"name": it.Name, "external": true}
		}
		model[kind] = external
	}
	for _, kind := range []string{"secrets", "configs"} {
		if raw := d.model[kind]; len(raw) > 0 {
			model[kind] = raw
		}
	}
	return json.MarshalIndent(model, "", "  ")
}

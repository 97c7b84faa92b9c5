package adoptable

import (
	"fmt"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
)

func (f Facts) refusals() []Note {
	var out []Note
	refuse := func(code, override, format string, args ...any) {
		out = append(out, Note{code, fmt.Sprintf(format, args...), override})
	}
	ct := f.Container
	if ct.Status != "running" {
		refuse(codeNotRunning, "", "container %s is %s; it has to run to be adopted", ct.Name, ct.Status)
	}
	if by := manager(ct.Labels); by != "" {
		refuse(codeManaged, "", "container %s belongs to %s, which would replace it", ct.Name, by)
	}
	if app := ct.Labels[label.App]; app != "" {
		refuse(codeOwn, "", "container %s was made by edgeman for the app %s, which has one port\nhint: this one goes on reaching the container, and fails while it is replaced; edgeman unadopt %s gives it back", ct.Name, app, app)
	}
	if f.ImageGone {
		refuse(codeImageGone, "", "the image of container %s (%s) is gone; pull it, or keep what runs with docker commit", ct.Name, inspect.Short(ct.ImageID))
	}
	if note, ok := layerRefusal(f.Layer, ct.Name); ok {
		out = append(out, note)
	}
	for _, text := range definition.Gone(f.Sources, f.Sources) {
		refuse(codeSourceGone, "", "container %s: %s", ct.Name, text)
	}
	if anon := definition.AnonymousVolumes(f.In.InspectResponse); ct.AutoRemove && len(anon) > 0 {
		refuse(CodeRmVolumes, "--allow-"+CodeRmVolumes,
			"container %s was started with --rm: when it stops, docker deletes it and the anonymous volume at %s",
			ct.Name, anon[0].Destination)
	}
	return out
}

// manager names the orchestrator that owns a container, by its labels.
func manager(labels map[string]string) string {
	switch {
	case labels["com.docker.swarm.service.name"] != "" || labels["com.docker.swarm.task.id"] != "":
		return "a Swarm service"
	case labels["io.kubernetes.pod.name"] != "":
		return "Kubernetes"
	}
	return ""
}

package adoptable

import (
	"fmt"

	"edgeman/deployer/docker/definition"
	"edgeman/deployer/docker/inspect"
	"edgeman/deployer/docker/label"
	"edgeman/deployer/docker/layer"
	"edgeman/deployer/words"
)

func (f Facts) refusals() []Note {
	var out []Note
	refuse := func(code, format string, args ...any) {
		out = append(out, Note{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	ct := f.Container
	if ct.Status != "running" {
		refuse(codeNotRunning, "container %s is %s; it has to run to be adopted", ct.Name, ct.Status)
	}
	if by := manager(ct.Labels); by != "" {
		refuse(codeManaged, "container %s belongs to %s, which would replace it", ct.Name, by)
	}
	if app := ct.Labels[label.App]; app != "" {
		out = append(out, Note{
			Code: codeOwn, Text: fmt.Sprintf("container %s was made by edgeman for the app %s", ct.Name, app),
			Hint: fmt.Sprintf("edgeman unadopt %s, then edgeman adopt with all of its sites at once: all ports that they use become the app's", app),
		})
	}
	if f.ImageGone {
		refuse(codeImageGone, "the image of container %s (%s) is gone; pull it, or keep what runs with docker commit", ct.Name, inspect.Short(ct.ImageID))
	}
	if note, ok := layerRefusal(f.Layer, ct.Name); ok {
		out = append(out, note)
	}
	for _, text := range definition.Gone(f.Sources, f.Sources) {
		refuse(codeSourceGone, "container %s: %s", ct.Name, text)
	}
	if anon := definition.AnonymousVolumes(f.In.InspectResponse); ct.AutoRemove && len(anon) > 0 {
		out = append(out, acceptable(CodeRmVolumes,
			"container %s was started with --rm: when it stops, docker deletes it and the anonymous volume at %s", ct.Name, anon[0].Destination))
	}
	return out
}

// acceptable is a refusal with the flag that accepts it.
func acceptable(code, format string, args ...any) Note {
	return Note{Code: code, Text: fmt.Sprintf(format, args...), Override: "--allow-" + code}
}

// layerRefusal keeps data from being left behind.
func layerRefusal(l layer.Layer, name string) (Note, bool) {
	if len(l.Written) == 0 {
		return Note{}, false
	}
	return acceptable(CodeWritableLayer, "container %s has %s in its own layer that a new container would not have: %s",
		name, words.Plural(len(l.Written), "changed file"), some(l.Written)), true
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

// Package label has the names of the labels that edgeman sets on what it makes
// in Docker, and of those that it reads. It knows nothing else, so that all who
// set or read them can share it.
package label

import "strings"

// Labels of edgeman's own containers and volumes.
const (
	App     = prefix + "app"
	Slot    = prefix + "slot" // its color
	Release = prefix + "release"
	Replica = prefix + "replica" // from 1
	prefix  = "edgeman."
)

// Labels by which Compose finds the containers of a service.
const (
	ComposeProject = composePrefix + "project"
	ComposeService = composePrefix + "service"
	composePrefix  = "com.docker.compose."
)

// NoUpdates keep those away from a container that replace containers by newer ones:
// watchtower and its forks, and What's up Docker.
var NoUpdates = map[string]string{"com.centurylinklabs.watchtower.enable": "false", "wud.watch": "false"}

// Owned says whether a label marks a container as somebody's: Compose finds its
// containers by such labels, edgeman its own. A copy must not carry them.
func Owned(key string) bool {
	return strings.HasPrefix(key, composePrefix) || strings.HasPrefix(key, prefix)
}

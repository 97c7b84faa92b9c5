package images

import (
	"edgeman/deployer/docker"
)

// Found is an image on this host, with the reference that the operator meant.
type Found struct {
	docker.Image
	Ref string
}

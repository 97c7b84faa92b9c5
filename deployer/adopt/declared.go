package adopt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"edgeman/deployer/compose"
	"edgeman/deployer/declared"
	"edgeman/deployer/docker/adoptable"
)

// compareDeclared tells whether the candidate's Compose file, as it stands now, gives
// the running container: what differs is taken over by the first swap that names no
// image. Several containers, and what is not known, are left out.
func (h *Host) compareDeclared(ctx context.Context, c *candidate) {
	if len(c.containers) > 1 {
		return
	}
	ct := c.containers[0]
	service, ok := compose.Of(ct.Labels)
	if !ok {
		return
	}
	d, err := h.Declared.Read(ctx, service)
	if errors.Is(err, declared.ErrUnread) {
		c.notes = append(c.notes, fmt.Sprintf("it is not compared with the files of %s: %v", service, err))
		return
	}
	var is adoptable.Declared
	if err == nil {
		is, err = h.Declared.Compile(ctx, d, ct.Image, adoptable.Like{Live: c.adoption.Settings, Name: ct.Name, Served: c.served(0)})
	}
	if err != nil {
		c.warnings = append(c.warnings, fmt.Sprintf("edgeman swap without an image will not be able to deploy what the files of %s say: %v", service, err))
		return
	}
	differ := is.Differ
	if image := d.Image(ct.Image); image != ct.Image && image != ct.Image+":latest" {
		differ = append([]string{"image " + image}, differ...)
	}
	if len(differ) == 0 {
		c.notes = append(c.notes, fmt.Sprintf("the files of %s give the container that is running", service))
		return
	}
	c.warnings = append(c.warnings, fmt.Sprintf("the files of %s give another container than the one that is running: %s; the first edgeman swap without an image takes that over", service, strings.Join(differ, ", ")))
}

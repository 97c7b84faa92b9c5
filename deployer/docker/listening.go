package docker

import (
	"context"

	"edgeman/deployer/docker/locate"
)

// OtherPorts says where the processes of a running container listen, and what its
// image EXPOSEs, if that is not where they are expected to: at port.
func (c *Client) OtherPorts(ctx context.Context, nameOrID string, port uint16) (locate.Elsewhere, error) {
	ct, err := c.Inspect(ctx, nameOrID)
	if err != nil || ct.SandboxKey == "" || ct.NetworkMode == "host" {
		return locate.Elsewhere{}, err
	}
	at, err := c.sys.listening(ct.SandboxKey)
	if err != nil {
		return locate.Elsewhere{}, callErr("look into", nameOrID, err)
	}
	image, err := c.Image(ctx, ct.ImageID)
	if err != nil {
		return locate.Elsewhere{}, err
	}
	return locate.OtherPorts(ct, port, at, image.Ports), nil
}

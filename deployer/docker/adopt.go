package docker

import (
	"context"
	"encoding/json"
	"net/netip"

)

// Note is something the operator is told before anything happens.
type Note struct {
	Code string // stable
	Text string // one sentence; never holds a value from the environment
	// Override is the flag that accepts a refusal, such as
	// "--allow-writable-layer"; empty when nothing can.
	Override string
}

// Codes of refusals. Those that can be accepted have an Override.
const (
	CodeNotRunning    = "not-running"    // stopped, paused or restarting
	CodeManaged       = "managed"        // Swarm or Kubernetes owns the container
	CodeOwn           = "own-container"  // made by edgeman already
	CodeImageGone     = "image-gone"     // nothing to make another container from
	CodeWritableLayer = "writable-layer" // files that a new container would not have
	CodeRmVolumes     = "rm-volumes"     // --rm would delete anonymous volumes
	CodeSourceGone    = "source-gone"    // what is mounted from the host is not there any more
)

// Codes of warnings.
const (
	CodePortGoesAway  = "port-goes-away" // others may use the published port
	CodeCompose       = "compose"        // the next `up` starts the old one again
	CodeSharedNames   = "shared-names"   // names that reach both copies
	CodeContainerName = "container-name" // tools that address it by name
	CodeJobsTwice     = "jobs-twice"     // jobs inside that run in both copies
	CodeRm            = "rm"             // --rm: cannot be kept when stopped
	CodeJoined        = "joined"         // others stay in the old network namespace
	CodeValues        = "values"         // files put into the container, which are carried
	CodeScratch       = "scratch"        // files that stay behind without being data
)

// Adoption is what taking over a running container means.
type Adoption struct {
	Container Container
	// Settings are stored in the release and given to Create. They may hold
	// secrets from the environment.
	Settings json.RawMessage
	// Refusals stop the adoption, each unless its Override was given.
	Refusals []Note
	Warnings []Note
	// Recreate says why the old and the new container must not run at the same
	// time; empty when they may.
	Recreate []string
	Writes   []string // those of them that are about data: volumes and directories of the host
}

// Adopt reads what is needed to replace the running container id whose app
// listens on port, and judges whether that is safe. at are the addresses that
// nginx dials now: the published ports that lead there are left out of the
// settings. Nothing is changed.
func (c *Client) Adopt(ctx context.Context, id string, port uint16, at ...netip.AddrPort) (Adoption, error) {
	f := facts{port: port}
	var err error
	if f.container, err = c.Inspect(ctx, id); err != nil {
		return Adoption{}, err
	}
	if f.in, err = readInspect(f.container.Raw); err != nil {
		return Adoption{}, callErr("inspect", id, err)
	}
	if f.hostname, err = c.sys.hostname(); err != nil {
		return Adoption{}, callErr("read the host's name", "", err)
	}
	for _, a := range at {
		a = netip.AddrPortFrom(dialled(a.Addr()), a.Port())
		local, err := c.isLocal(a.Addr())
		if err != nil {
			return Adoption{}, callErr("adopt", id, err)
		}
		if local {
			f.at = append(f.at, a)
		}
	}
	if f.image, err = c.imageOf(ctx, f.in.Image); isNotFound(err) {
		f.imageGone = true
	} else if err != nil {
		return Adoption{}, err
	}
	if f.others, err = c.summaries(ctx, nil, true); err != nil {
		return Adoption{}, err
	}
	if f.layer, err = readLayer(ctx, c, c.sys.clock, f.in.InspectResponse, nil); err != nil {
		return Adoption{}, err
	}
	if f.sources, err = c.sources(f.in.InspectResponse); err != nil {
		return Adoption{}, callErr("adopt", id, err)
	}
	a, err := judge(f)
	return a, callErr("inspect", f.container.Name, err)
}

func (c *Client) imageOf(ctx context.Context, ref string) (imageConfig, error) {
	raw, err := c.imageRaw(ctx, ref)
	if err != nil {
		return imageConfig{}, err
	}
	img, err := readImage(raw)
	return img, callErr("inspect image", ref, err)
}

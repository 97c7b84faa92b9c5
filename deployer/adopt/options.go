package adopt

import (
	"time"
)

// Options are the choices of `edgeman adopt`.
type Options struct {
	Sites     []string // paths of site files
	Name      string   // of the app; default: from the site file's name, or what its container is called
	Container string   // when the address does not tell it
	Image     string   // what release 1 is said to be; default: the container's own
	Port      uint16   // the app's port inside its container; default: behind the published port
	Health    string   // HTTP path, or state.HealthConnect

	// HealthHeaders go with the request for it; default: those that the site sends.
	HealthHeaders []string

	Mode    string // proxy or native; default proxy
	Via     string // netns or bridge; default: chosen by looking at the container
	Drain   time.Duration
	Timeout time.Duration // for the container to become healthy
	Only    []string      // targets to take; default: all that are containers
	Names   map[string]string
	Yes     bool
	DryRun  bool
	JSON    bool

	// ReloadPending accepts that other people's edits go live with the reload.
	ReloadPending bool
	// Everywhere also takes over what other sites send to the same address.
	Everywhere bool
	// LetWait accepts that requests fail which wait longer than nginx does.
	LetWait bool
	// Allow are the codes of refusals that the operator accepts, such as
	// "writable-layer"; each has a flag --allow-CODE.
	Allow []string
}

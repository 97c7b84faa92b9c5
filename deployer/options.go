package deployer

import "time"

// AdoptOptions are the choices of `edgeman adopt`.
type AdoptOptions struct {
	Site      string // path of the site file
	Name      string // of the app; default: from the site file's name
	Container string // when the address does not tell it
	Image     string // what release 1 is said to be; default: the container's own
	Port      uint16 // the app's port inside its container; default: behind the published port
	Health    string // HTTP path, or state.HealthConnect

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

// SwapOptions are the choices of `edgeman swap` and `edgeman restart`.
type SwapOptions struct {
	App      string
	Image    string // tag of the app's repository, or any reference; empty: the same release again
	Pull     string // always, missing or never
	Mode     string // proxy or native; empty: as the app file says
	Strategy string // overlap or recreate; empty: as the app file says
	Drain    time.Duration
	Timeout  time.Duration
	Detach   bool // return after the switch
	Cut      bool // end a slot that still drains now
	LetWait  bool // accept that requests fail which wait longer than nginx does
	Renew    bool // also run the slot's service anew, from the program on disk
	JSON     bool
	Allow    []string // codes of refusals that the operator accepts
}

// PauseOptions are the choices of `edgeman pause`.
type PauseOptions struct {
	App     string
	Max     time.Duration
	LetWait bool // accept that requests fail which wait longer than nginx does
}

// RollbackOptions are the choices of `edgeman rollback`.
type RollbackOptions struct {
	App     string
	Release int // 0: the one before the live one
	Drain   time.Duration
	Timeout time.Duration
	JSON    bool
	Allow   []string // codes of refusals that the operator accepts
}

// ReleaseOptions are the choices of `edgeman unadopt`, which gives a site back.
type ReleaseOptions struct {
	App     string
	To      string // original or live, when they differ
	Timeout time.Duration
	Yes     bool
	DryRun  bool
	JSON    bool
	Allow   []string // codes of refusals that the operator accepts
}

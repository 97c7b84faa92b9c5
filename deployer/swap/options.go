package swap

import "time"

// Options are the choices of `edgeman swap` and `edgeman restart`.
type Options struct {
	App      string
	Image    string // tag of the app's repository, or any reference; empty: the same release again
	Pull     string // always, missing or never
	Mode     string // proxy or native; empty: as the app file says
	Strategy string // overlap or stop-first; empty: as the app file says
	Drain    time.Duration
	Timeout  time.Duration
	Detach   bool // return after the switch
	Cut      bool // end a slot that still drains now
	LetWait  bool // accept that requests fail which wait longer than nginx does
	Renew    bool // also restart the slot's service, from the program on disk
	JSON     bool
	Allow    []string // codes of refusals that the operator accepts
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

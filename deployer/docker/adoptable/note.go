package adoptable

// Note is something the operator is told before anything happens.
type Note struct {
	Code string // stable
	Text string // one sentence; never holds a value from the environment
	Hint string // what to do next, if there is anything
	// Override is the flag that accepts a refusal, such as
	// "--allow-writable-layer"; empty when nothing can.
	Override string
}

// Codes of refusals. Those that can be accepted have an Override.
const (
	codeNotRunning    = "not-running"    // stopped, paused or restarting
	codeManaged       = "managed"        // Swarm or Kubernetes owns the container
	codeOwn           = "own-container"  // made by edgeman already
	codeImageGone     = "image-gone"     // nothing to make another container from
	CodeWritableLayer = "writable-layer" // files that a new container would not have
	CodeRmVolumes     = "rm-volumes"     // --rm would delete anonymous volumes
	codeSourceGone    = "source-gone"    // what is mounted from the host is not there any more
)

// Codes of warnings.
const (
	codePortGoesAway  = "port-goes-away" // others may use the published port
	codeCompose       = "compose"        // the next `up` starts the old one again
	codeSharedNames   = "shared-names"   // names that reach both copies
	codeContainerName = "container-name" // tools that address it by name
	codeJobsTwice     = "jobs-twice"     // jobs inside that run in both copies
	codeRm            = "rm"             // --rm: cannot be kept when stopped
	codeJoined        = "joined"         // others stay in the old network namespace
	codeValues        = "values"         // files put into the container, which are carried
	codeScratch       = "scratch"        // files that stay behind without being data
	codeOwnName       = "own-name"       // host names that the containers of several had
	codeOwnAddress    = "own-address"    // fixed addresses that they had
)

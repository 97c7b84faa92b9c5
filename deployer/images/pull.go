package images

import (
	"time"
)

// PullWait bounds a pull: image data moves, but not for ever.
const PullWait = 30 * time.Minute

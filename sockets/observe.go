package sockets

// Observer follows what Forward carries and changes nothing of it. Forward
// tells of a piece before it passes the piece on, so whoever answers it comes
// later. n is the length of the piece; first are its first bytes, up to 4 KiB,
// and only good during the call. Calls for one connection come one after the
// other. They must not block: other connections wait for their end.
type Observer interface {
	ToApp(first []byte, n int)
	ToClient(first []byte, n int)
}

// lookLen is how much of a piece an observer is shown.
const lookLen = 4096

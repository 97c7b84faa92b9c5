package relay

// Observer follows what Forward carries and changes nothing of it. Forward
// shows a piece before it passes the piece on, so whoever answers it comes
// later. A piece is only good during the call. Calls for one connection come
// one after the other. They must not block: other connections wait for their
// end.
type Observer interface {
	ToApp(piece []byte)
	ToClient(piece []byte)
	// Unseen tells of n bytes in the midst of a long run that were moved inside
	// the kernel. The run's beginning, and at least its last 16 KiB, are shown.
	Unseen(toClient bool, n int)
}

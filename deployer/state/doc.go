// Package state is what edgeman keeps on disk: intent, releases, slots, locks and
// history, and the one way in which commands and the slots' services change them
// (transitions.go). What a person sees in these directories is what is true; there
// is no database and no daemon that knows more.
//
//	/etc/edgeman/apps/APP.toml               intent, edited by people      (app.go, appfile.go)
//	/var/lib/edgeman/apps/APP/live.sock      the switch, see package sockets
//	/var/lib/edgeman/apps/APP/releases/      immutable records             (release.go)
//	/var/lib/edgeman/apps/APP/history.jsonl  what happened                 (history.go)
//	/var/lib/edgeman/apps/APP/operation.json a command under way           (journal.go)
//	/var/lib/edgeman/apps/APP/lock, state.lock                             (lock.go)
//	/var/lib/edgeman/slots/APP:SLOT          link to the release it runs   (slotlink.go)
//	/var/lib/edgeman/slots/APP:SLOT.pause    requests held back, until when (pause.go)
//	/run/edgeman/APP:SLOT.drain              the terms on which it ends    (drain.go)
//	/run/edgeman/APP:SLOT.json               what its service says of it   (slotstatus.go)
//
// Every change is one atomic rename followed by an fsync of the directory
// (atomic.go). What root acts upon is read only if nobody else could have written
// it (trust.go). The package knows neither systemd nor Docker nor nginx.
package state

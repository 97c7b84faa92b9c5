// Package state is what edgeman keeps on disk: intent, releases, slots, locks
// and history. What a person sees in these directories is what is true; there
// is no database and no daemon that knows more.
//
//	/etc/edgeman/apps/APP.toml              intent, edited by people      (app.go, trust.go)
//	/var/lib/edgeman/apps/APP/live.sock     the switch, see package sockets
//	/var/lib/edgeman/apps/APP/releases/     immutable records             (release.go)
//	/var/lib/edgeman/apps/APP/history.jsonl what happened                 (history.go)
//	/var/lib/edgeman/apps/APP/operation.json a command under way          (operation.go)
//	/var/lib/edgeman/apps/APP/lock, state.lock                            (lock.go)
//	/var/lib/edgeman/slots/APP:SLOT         link to the release it runs   (slot.go)
//	/run/edgeman/APP:SLOT.json              what its service says of it   (status.go)
//
// Every change is one atomic rename followed by an fsync of the directory.
package state

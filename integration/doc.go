// Package integration holds the end-to-end tests: the built edgeman binaries on
// throw-away hosts with real systemd, nginx and Docker. They need root on Debian
// or Ubuntu; "make test" prepares everything and runs them. By hand:
//
//	make build && go test -tags integration -count=1 -run TestName ./integration
//
// EDGEMAN_RELEASES says which Debian releases to use (default "bookworm trixie").
// EDGEMAN_KEEP=1 makes a failed test wait with its host up, to be entered with
// "go run ./integration/cmd/testhost shell NAME".
package integration

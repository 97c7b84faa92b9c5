// Package check finds what is about to break, and changes nothing.
//
// A run has three steps: gather what can be seen of the host (host.go and the
// files it names), put every rule of the table to it (rules.go, engine.go), and
// print the findings in one of several forms (human.go, json.go, nagios.go,
// prometheus.go). A rule is data: a code that never changes its meaning, what it
// needs, what silences it, and its page in docs/check.md.
//
// Everything outside the process is reached through Env, so that a test is a
// directory, a clock and a few functions. Nothing is asked over the network:
// files, /proc, systemd, Docker and handshakes with this host's own nginx.
package check

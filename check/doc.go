// Package check finds what is about to break, and changes nothing on the host.
//
// A run (engine.go) has three steps. It gathers what can be seen into one host
// (host.go, and a file for each thing that is read: server.go, certificate.go,
// lineage.go, handshake.go, listening.go, upstream.go, records.go, ...). It puts
// every rule to it: a rule is a variable above the function that judges, in
// rules_*.go, or in lint_*.go if it is asked on demand only; rule.go lists them.
// And it prints the report (report.go) in one of several forms (human.go,
// nagios.go, prometheus.go).
//
// Everything outside the process is reached through Env, so that a test is a
// directory, a clock and a few functions. Nothing is asked over the network:
// files, /proc, systemd, Docker and handshakes with this host's own nginx. It
// starts no process and writes no file; what it remembers its caller writes.
package check

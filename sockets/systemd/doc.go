// Package systemd is the one way to the service manager: units, their jobs and
// what it knows of them, over D-Bus, and what a service says about itself.
//
// It decides nothing about slots, whose names it does not even know, and writes
// no files. Everything that waits for systemd has a deadline.
package systemd

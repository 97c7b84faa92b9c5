// Package sockets holds what edgeman's listening sockets are: slot names and the
// live pointer, the descriptor that a slot's service gets from systemd, handing
// that descriptor to a process in a container, and connections opened inside a
// container's network namespace. Below it are systemd's units (systemd), the
// loop that carries bytes (relay) and the kernel's tables (count).
//
// It knows neither Docker nor nginx, starts no process, and writes no files: the
// live pointer is a link, a hand-off a directory with a socket. It needs Linux.
package sockets

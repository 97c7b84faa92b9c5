// Package sockets holds everything edgeman does with sockets: slot names and
// the live pointer, systemd units over D-Bus, the listening descriptor of a
// slot, the kernel's own count of connections, connections opened inside a
// container's network namespace, forwarding between the two, and handing the
// listening descriptor itself to a process in a container.
//
// It knows neither Docker nor nginx, and it needs Linux.
package sockets

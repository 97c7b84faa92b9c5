// Package run keeps the containers of one slot: it creates, starts and stops them,
// starts them again when they end, asks whether they are healthy and copies what
// they print. What a slot is to run and when is decided elsewhere; this package
// reads the slot's links only to tell its containers from leftovers, and writes
// none.
package run

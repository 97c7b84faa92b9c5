// Package outcome is how a command ended: its exit codes, and the errors that
// stand for them.
package outcome

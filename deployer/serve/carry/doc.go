// Package carry is the way of a request through a slot: Front accepts, Gate makes
// it wait while it must, Pool chooses a container, Conns knows what each
// connection is at. It decides nothing of this by itself, and knows neither
// Docker nor nginx nor which release it carries to.
package carry

// Package relay carries bytes between nginx and an app: it accepts connections,
// connects to the app and forwards both ways, all on one thread with an epoll(7)
// instance of its own. It decides nothing: which connections it gets, and whom
// they go to, is its callers' to say. It knows neither slots nor systemd.
//
// It is 900 lines in place of the 60 around io.Copy, which splices as well, for
// what a request costs: 23 µs of processor time with keepalive and 134 without it,
// where goroutines of the net package needed 51 and 275 (docs/performance.md).
// They wake a thread for each direction, and again whenever the peer has read
// something. Should BenchmarkRoundTrip show io.Copy, on a newer runtime, within a
// quarter of Forward, and BenchmarkIdle no more than 25 KB a connection, which is
// what docs/performance.md allows, then go back to io.Copy.
package relay

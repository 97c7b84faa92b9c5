// Package relay carries bytes between nginx and an app: it accepts connections,
// connects to the app and forwards both ways, all on one thread with an epoll(7)
// instance of its own. It decides nothing: which connections it gets, and whom
// they go to, is its callers' to say. It knows neither slots nor systemd.
//
// It is 900 lines in place of the 60 around io.Copy, which splices as well, for
// the processor time of a request: 23 µs with keepalive and 134 without it, where
// goroutines of the net package needed 51 and 275. They wake a thread for each
// direction, and again whenever the peer has read something. docs/performance.md
// has it as "hop's CPU"; `make bench` measures it again. Should a newer runtime
// do with io.Copy for less than 30 and 160, go back to that.
//
// BenchmarkRoundTrip cannot tell: on its one connection both take equally long.
// By BenchmarkIdle a connection holds 2 KB here and 9 KB with io.Copy.
package relay

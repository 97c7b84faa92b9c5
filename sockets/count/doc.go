// Package count reads the kernel's tables: how many connections a socket has, how
// long its queue is, who listens, and whether anybody has connected. They are the
// truth also about sockets whose connections other processes have accepted.
//
// It is the only reader of sock_diag(7) and /proc/net in edgeman. It changes
// nothing but the access time of a socket's file, by which it knows whether anybody
// has connected, and knows neither slots nor who asks.
package count

// Package nginxconf reads any nginx configuration without loss, says what a
// site sends its requests to, and plans the smallest edit that puts a Unix
// socket in that place. Bytes in, bytes out: it starts no process and writes no
// file.
//
// # Layers
//
// internal/lex splits a file into tokens by nginx's own rules. The tokens tile
// the file, so every byte belongs to exactly one of them.
//
// internal/tree turns one file into directives. The tree is gonginx's, read
// from a copy of the file in which the bytes that gonginx reads differently
// from nginx are masked; each of its nodes is paired with the tokens. Two
// independent readers thus agree on every file that is edited, and a file on
// which they differ is refused.
//
// internal/config follows the includes and builds a tree of Nodes: the
// configuration as nginx sees it, with every directive in the context in which it
// takes effect. Inheritance is answered there (Node.Effective).
//
// internal/variables tells what a variable can be at a directive, and
// internal/route where a pass directive leads, whatever the address is called:
// 127.0.0.1, localhost, an upstream, a variable whose values the configuration
// spells, or that can only choose between upstreams. Targets groups the passes of
// a site by the place where they end.
//
// internal/plan turns targets into edits of whole bytes, which internal/edit
// applies, shows and takes back. Each edit knows the contexts
// that ask for it; a file that is included several times is edited only when
// all its contexts ask alike. Before a plan is returned it is proven: every
// token outside the edits is unchanged, the edited configuration is read again,
// and every pass directive ends where it ended before, except those of the
// target, which end at the socket.
//
// # Classes of edit
//
// A: the address token is replaced. Nothing else depends on it: the server
// line of a named upstream, or the address of a FastCGI, uwsgi, SCGI, memcached
// or stream pass.
//
// B: a literal without a port. An upstream of that very name is added, and the
// pass directive is left alone.
//
// C: a literal host and port. It becomes the name of a new upstream, and all
// that nginx derived from the literal text is written out: the Host header or
// HTTP/2's :authority, the default of proxy_redirect, the cache key, $proxy_host.
//
// What cannot be shown to leave requests and responses as they are is refused
// with a *Refusal: file, line, reason, hint.
//
// # Undo
//
// A Plan is stored as it is. FileEdit.Revert gives the original bytes back, or
// takes just the edits back when the file was changed elsewhere since.
package nginxconf

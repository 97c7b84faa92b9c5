// Package nginxconf reads any nginx configuration without loss, says what a
// site sends its requests to, and plans the smallest edit that puts a Unix
// socket in that place. Bytes in, bytes out: it starts no process and writes no
// file.
//
// # Layers
//
// internal/lex splits a file into tokens by nginx's own rules; they tile the file,
// so every byte belongs to exactly one. internal/tree turns a file into
// directives: gonginx's tree, paired with the tokens. Two independent readers thus
// agree on every file that is edited. internal/config follows the includes,
// internal/variables tells what a variable can be, internal/route where a pass
// leads, whatever the address is called. Targets groups the passes of a site by
// the place where they end.
//
// internal/plan turns targets into edits of whole bytes, which internal/edit
// applies, shows and takes back. Before a plan is returned it is proven: every
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

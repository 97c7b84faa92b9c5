package nginxconf

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"
)

// echo answers with the request as net/http sees it.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true)
	w.Header().Set("Content-Type", "text/plain")
	if r.TLS != nil {
		fmt.Fprintf(w, "SNI %q\n", r.TLS.ServerName)
	}
	if host, sent := r.Header["Host"]; sent { // else the host is HTTP/2's :authority
		fmt.Fprintf(w, "host as a header: %q\n", host)
	}
	w.Write(dump)
})

func serveFastCGI(l net.Listener) { fcgi.Serve(l, echo) }

func serveGRPC(l net.Listener) {
	s := &http.Server{Handler: echo, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	s.Serve(l)
}

func serveTLS(l net.Listener) {
	s := &http.Server{Handler: echo, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate()}}}
	s.ServeTLS(l, "", "")
}

// certificate makes a certificate that nobody checks.
func certificate() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, _ := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveRaw answers with what it reads.
func serveRaw(l net.Listener) {
	each(l, func(c net.Conn) {
		defer c.Close()
		data, _ := io.ReadAll(c)
		fmt.Fprintf(c, "got %q", data)
	})
}

// finish ends the response and reads what is left of the request: closing with
// unread bytes would reset the connection and lose the response.
func finish(c net.Conn) {
	c.(interface{ CloseWrite() error }).CloseWrite()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	io.Copy(io.Discard, c)
	c.Close()
}

// serveSCGI reads a netstring of headers and the body.
func serveSCGI(l net.Listener) {
	each(l, func(c net.Conn) {
		defer finish(c)
		r := bufio.NewReader(c)
		size, _ := r.ReadString(':')
		n, _ := strconv.Atoi(strings.TrimSuffix(size, ":"))
		head := make([]byte, n+1)
		io.ReadFull(r, head)
		fmt.Fprintf(c, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n%q", head)
	})
}

// serveUWSGI reads one block of variables.
func serveUWSGI(l net.Listener) {
	each(l, func(c net.Conn) {
		defer finish(c)
		var head [4]byte
		io.ReadFull(c, head[:])
		vars := make([]byte, binary.LittleEndian.Uint16(head[1:]))
		io.ReadFull(c, vars)
		fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%q", vars)
	})
}

// serveMemcached answers each get with its key.
func serveMemcached(l net.Listener) {
	each(l, func(c net.Conn) {
		defer c.Close()
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			key := strings.TrimSpace(strings.TrimPrefix(line, "get "))
			fmt.Fprintf(c, "VALUE %s 0 %d\r\n%s\r\nEND\r\n", key, len(key), key)
		}
	})
}

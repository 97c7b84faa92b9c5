package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func (r *run) client() *http.Client {
	return &http.Client{
		Timeout: r.Timeout,
		Transport: &http.Transport{
			DisableKeepAlives:   !r.Keepalive,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1000,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (r *run) request(ctx context.Context, method, query string, body []byte) (*http.Request, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err == nil {
		req.Host = r.Host
	}
	return req, err
}

// send repeats a request whose connection was closed under it before any
// byte of an answer, and notes when. Whoever reloads nginx does that to clients:
// workers that leave close every connection on which they have not begun to read
// a request (ngx_close_idle_connections), whether or not one lies in the socket
// already. Such a request never got beyond nginx's socket, and browsers repeat
// it. Nothing but a reload may cause it, so tests look at the times. net/http by
// itself repeats a GET on a kept connection without a word.
func (r *run) send(client *http.Client, req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		var answered atomic.Bool
		trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { answered.Store(true) }}
		resp, err := client.Do(req.WithContext(httptrace.WithClientTrace(context.Background(), trace)))
		if err == nil || answered.Load() || !closedEarly(err) || try == maxTries {
			return resp, err
		}
		// Whatever closed this one closed the other idle ones, too. Each of them
		// would cost a try, and after a pause there are more of them than tries.
		client.CloseIdleConnections()
		r.mu.Lock()
		r.result.Resent = append(r.result.Resent, time.Since(r.start))
		r.mu.Unlock()
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// maxTries: two workers leave one after the other, and both may be met.
const maxTries = 3

// closedEarly tells a connection that the server closed from one that timed out
// or was refused.
func closedEarly(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) ||
		strings.Contains(err.Error(), "server closed idle connection") // net/http keeps the error to itself
}

// one sends request i and checks the echo: method, URI and the body's hash.
func (r *run) one(client *http.Client, i int) (version string, err error) {
	method, body := http.MethodGet, []byte(nil)
	if r.PostBytes > 0 && i%2 == 1 {
		method, body = http.MethodPost, bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x', '\n'}, r.PostBytes/4+1)[:r.PostBytes]
	}
	query := fmt.Sprintf("n=%d", i)
	if r.Query != "" {
		query += "&" + r.Query
	}
	req, err := r.request(context.Background(), method, query, body)
	if err != nil {
		return "", err
	}
	resp, err := r.send(client, req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s %s: read the answer: %w", method, req.URL, err)
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s %s: %s", method, req.URL, resp.Status)
	case r.Plain:
		return resp.Header.Get("X-Version"), nil
	}
	var echo struct {
		Version, Method, URI string
		BodySHA256           string `json:"body_sha256"`
	}
	if err := json.Unmarshal(data, &echo); err != nil {
		return "", fmt.Errorf("%s %s: %w in %.100q", method, req.URL, err, data)
	}
	if sum := sha256.Sum256(body); echo.Method != method || echo.URI != req.URL.RequestURI() || echo.BodySHA256 != hex.EncodeToString(sum[:]) {
		return "", fmt.Errorf("%s %s: the app saw %s %s, body %s", method, req.URL, echo.Method, echo.URI, echo.BodySHA256)
	}
	return echo.Version, nil
}

// downloads fetches one long answer after the other until ctx ends; the last
// one is cut there and counts as neither good nor broken.
func (r *run) downloads(ctx context.Context) {
	client := r.client()
	client.Timeout = 0
	for ctx.Err() == nil {
		version, err := r.download(ctx, client)
		if ctx.Err() != nil {
			return
		}
		r.record(func(res *Result) *int {
			if err == nil {
				res.Downloads++
			}
			return &res.DownloadsBroken
		}, version, err, 0)
		if err != nil {
			pause(ctx, 100*time.Millisecond)
		}
	}
}

func (r *run) download(ctx context.Context, client *http.Client) (version string, err error) {
	req, err := r.request(ctx, http.MethodGet, fmt.Sprintf("bytes=%d&drip=%s", r.DownloadBytes, r.DownloadDrip), nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer resp.Body.Close()
	h := sha256.New()
	n, err := io.Copy(h, resp.Body)
	switch {
	case err != nil:
		return "", fmt.Errorf("download: after %d bytes: %w", n, err)
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("download: %s", resp.Status)
	case hex.EncodeToString(h.Sum(nil)) != resp.Header.Get("X-Sha256"):
		return "", errors.New("download: wrong content")
	}
	return resp.Header.Get("X-Version"), nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

const (
	patience = 5 * time.Second       // with one event
	glance   = 5 * time.Millisecond  // between two looks for it
	pace     = 10 * time.Millisecond // between two requests of one busy caller
)

// A caller is a partner's HTTP client.
type caller struct {
	url       string // of the gate
	subject   string // that the application is to be told
	tls       *tls.Config
	transport *http.Transport
	opened    atomic.Int64 // connections so far
}

// caller returns a client of the gate that presents cert, or none if it is nil.
// It keeps one connection open, and shares no session with another.
func (s *stage) caller(cert *minica.Cert) *caller {
	c := &caller{url: s.url, tls: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}}
	c.tls.RootCAs.AddCert(s.serverCA.Leaf)
	if cert != nil {
		name, _ := subject.FromDER(cert.Leaf.RawSubject) // an empty one would never be admitted
		c.subject = name.String()
		c.tls.Certificates = []tls.Certificate{cert.TLS()}
	}
	c.transport = &http.Transport{TLSClientConfig: c.tls, MaxConnsPerHost: 1, DisableCompression: true}
	c.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c.opened.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return c
}

// hangUp closes the connection that the caller keeps.
func (c *caller) hangUp() { c.transport.CloseIdleConnections() }

// An answer is a response as far as the story needs it.
type answer struct {
	status int
	body   string
	serial string // of the server certificate, hex
}

// call sends a webhook. Nothing is ever sent twice: net/http repeats a request
// by itself when the connection breaks, but not one whose body it can read only
// once, so that a broken connection is always an error here.
func (c *caller) call(ctx context.Context, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const event = `{"event":"paid"}`
	once := struct{ io.Reader }{strings.NewReader(event)}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/webhook", once)
	if err != nil {
		return answer{}, err
	}
	req.ContentLength = int64(len(event))
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	leaf := res.TLS.PeerCertificates[0]
	return answer{res.StatusCode, string(body), leaf.SerialNumber.Text(16)}, err
}

// turns makes a change and calls until the answer turns from one status to
// another, on the connection that was open before. It returns how long after
// the beginning of the change that was.
func (c *caller) turns(ctx context.Context, from, to int, change func() error) (time.Duration, error) {
	before := c.opened.Load()
	start := time.Now()
	if err := change(); err != nil {
		return 0, err
	}
	err := await(ctx, fmt.Sprintf("%s being answered %d instead of %d", c.subject, to, from), func() (bool, error) {
		a, err := c.call(ctx, nil)
		if err == nil && a.status != from && a.status != to {
			err = fmt.Errorf("%s was answered %d, want %d and then %d", c.subject, a.status, from, to)
		}
		return a.status == to, err
	})
	took := time.Since(start)
	if opened := c.opened.Load(); err == nil && opened != before {
		err = fmt.Errorf("%s was answered %d on a new connection, not on its open one", c.subject, to)
	}
	return took, err
}

// alert connects and returns the TLS alert by which the gate refuses the
// caller. To be let in is an error.
func (c *caller) alert(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", strings.TrimPrefix(c.url, "https://"))
	if err == nil {
		defer conn.Close()
		// In TLS 1.3 the client is done before the server has judged its
		// certificate; the verdict is the first thing to read.
		deadline, _ := ctx.Deadline()
		_ = conn.SetReadDeadline(deadline)
		_, err = conn.Read(make([]byte, 1))
	}
	if refusal, ok := errors.AsType[*net.OpError](err); ok && refusal.Op == "remote error" {
		return strings.TrimPrefix(refusal.Err.Error(), "tls: "), nil
	}
	return "", fmt.Errorf("connect as %q: want a TLS alert, got: %w", c.subject, err)
}

// A tally counts the requests of callers who are to be let in. The zero value
// is ready for use, by several goroutines.
type tally struct {
	sent, failed atomic.Int64
	first        atomic.Pointer[error] // of the failures
}

// admitted calls, and fails unless the application answers, and was told the
// truth about the caller.
func (t *tally) admitted(ctx context.Context, c *caller, header http.Header) (answer, error) {
	t.sent.Add(1)
	a, err := c.call(ctx, header)
	switch {
	case err != nil:
		err = fmt.Errorf("%s got no answer: %w", c.subject, err)
	case a.status != http.StatusOK:
		err = fmt.Errorf("%s was answered %d %q, want 200", c.subject, a.status, a.body)
	case !strings.Contains(a.body, "X-Client-Subject: "+c.subject+"\n"):
		err = fmt.Errorf("of %s the application was told %q", c.subject, a.body)
	default:
		return a, nil
	}
	t.failed.Add(1)
	t.first.CompareAndSwap(nil, &err)
	return a, err
}

// err says that requests failed, if any did.
func (t *tally) err() error {
	if failed := t.failed.Load(); failed > 0 {
		return fmt.Errorf("%d of %d requests failed, the first: %w", failed, t.sent.Load(), *t.first.Load())
	}
	return nil
}

// A crowd is load: callers that keep their connections busy, and some that
// connect for each request.
type crowd struct {
	kept, fresh []*caller
	stop        chan struct{}
	once        sync.Once
	busy        sync.WaitGroup
}

func newCrowd(s *stage, cert *minica.Cert) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for range keptOpen {
		c.kept = append(c.kept, s.caller(cert))
	}
	for range shakingHands {
		one := s.caller(cert)
		one.transport.DisableKeepAlives = true
		c.fresh = append(c.fresh, one)
	}
	return c
}

// begin lets all of them call until end or the end of ctx.
func (c *crowd) begin(ctx context.Context, t *tally) {
	for _, one := range slices.Concat(c.kept, c.fresh) {
		c.busy.Go(func() {
			defer one.hangUp()
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for {
				select {
				case <-c.stop:
					return
				case <-ctx.Done():
					return
				case <-tick.C:
					_, _ = t.admitted(ctx, one, nil) // the tally remembers
				}
			}
		})
	}
}

// end waits until the requests under way are answered. It may be called again.
func (c *crowd) end() {
	c.once.Do(func() { close(c.stop) })
	c.busy.Wait()
}

// opened is the number of connections that the callers opened who keep theirs.
func (c *crowd) opened() (n int64) {
	for _, one := range c.kept {
		n += one.opened.Load()
	}
	return n
}

// await looks for an event again and again, until it happens, is an error, or
// does not come in time.
func await(ctx context.Context, what string, happened func() (bool, error)) error {
	late := time.After(patience)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		if ok, err := happened(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late:
			return fmt.Errorf("%s did not happen within %v", what, patience)
		}
	}
}

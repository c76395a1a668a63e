package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// check proves that a proxy does the job before it is timed: it lets our client
// in and tells the application the Subject, whatever the client says about
// itself, and it refuses strangers of the same CA.
func (b *bench) check(ctx context.Context, i *instance) error {
	if err := b.checkClient(ctx, i); err != nil {
		return err
	}
	for n, cert := range b.pki.strangers {
		if i.peer.tcpOnly && n > 0 {
			break // it knows common names only
		}
		if err := b.checkStranger(ctx, i, cert); err != nil {
			return fmt.Errorf("the stranger %s: %w", strangers[n], err)
		}
	}
	if i.HTTP2 {
		return b.checkHTTP2(ctx, i)
	}
	return nil
}

// checkRequest claims to be somebody else.
var checkRequest = request("GET", subjectPath, "X-Client-Subject: CN=admin\r\n", nil)

func (b *bench) checkClient(ctx context.Context, i *instance) error {
	c, err := dial(ctx, i.addr, b.pki.config(b.pki.client, "http/1.1"), time.Now().Add(requestTimeout))
	if err != nil {
		return err
	}
	defer c.close()
	// In TLS 1.3 the client chooses from what it offers first, where the server lets it.
	if state := c.tls.ConnectionState(); state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		return fmt.Errorf("it negotiated %s, which is not what the others do", tls.CipherSuiteName(state.CipherSuite))
	}
	status, told, err := c.fetch(checkRequest)
	want := i.peer.subject
	if i.peer.tcpOnly {
		want = "CN=admin" // the claim comes through
	}
	switch {
	case err != nil:
		return err
	case status != "200" || told != want:
		return fmt.Errorf("the answer to our client is %s, and the application was told %q, want 200 and %q", status, told, want)
	}
	return nil
}

// checkStranger expects to be refused: by TLS, by a connection that ends without
// an answer, or with 403.
func (b *bench) checkStranger(ctx context.Context, i *instance, cert tls.Certificate) error {
	c, err := dial(ctx, i.addr, b.pki.config(cert, "http/1.1"), time.Now().Add(requestTimeout))
	if err != nil {
		return nil //nolint:nilerr // refused
	}
	defer c.close()
	status, _, err := c.fetch(checkRequest)
	if err == nil && status != "403" {
		return fmt.Errorf("it is answered %s, want 403 or no answer", status)
	}
	return nil
}

func (b *bench) checkHTTP2(ctx context.Context, i *instance) error {
	c, err := dialHTTP2(ctx, i.addr, b.pki.config(b.pki.client, "h2"), time.Now().Add(requestTimeout))
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.get(time.Now()); err != nil {
		return err
	}
	if _, err := c.finish(); err != nil {
		return fmt.Errorf("over HTTP/2: %w", err)
	}
	return nil
}

// errNotResumed: a client that came back had to do a full handshake again.
var errNotResumed = errors.New("it resumes no session: every handshake is a full one")

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// listOf mounts the revocation list of Acme's CA: the number of the list goes up,
// as that of every list has to, and the certificates are on it.
func (s *stage) listOf(revoked ...*minica.Cert) error {
	s.listNumber++
	o := minica.CRLOptions{Number: s.listNumber}
	const keyCompromise = 1 // RFC 5280 §5.3.1
	for _, c := range revoked {
		o.Revoked = append(o.Revoked, minica.Revoked{Serial: c.Leaf.SerialNumber, At: time.Now(), Reason: keyCompromise})
	}
	list, err := s.acmeCA.CRLPEM(o)
	if err != nil {
		return err
	}
	return s.lists.Write(map[string][]byte{"acme.crl": list})
}

// revoke shows that a revocation reaches a response that is under way, the next
// request on an open connection, and new connections.
func (s *story) revoke(ctx context.Context) error {
	courier := s.caller(s.courierCert)
	defer courier.hangUp()
	if _, err := s.tally.admitted(ctx, courier, nil); err != nil {
		return err
	}
	stream, err := s.caller(s.courierCert).listen(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	s.revoked, err = courier.turns(ctx, http.StatusOK, http.StatusUnauthorized, func() error { return s.listOf(s.courierCert) })
	if err != nil {
		return err
	}
	line, err := s.book.wait(ctx, "request refused", "revoked")
	if err != nil {
		return err
	}
	s.done("courier", "its CA revokes its certificate: 401 on its open connection %s after the swap", ms(s.revoked))
	s.detail("the log says %s: %s", line.Reason, line.Detail)
	select {
	case err = <-stream:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the stream of a revoked client ended with %w, want it to break off", err)
	}
	s.done("courier", "a stream of events that it reads breaks off after %s, withdrawalGrace being %s", ms(time.Since(start)), ms(demoGrace))
	alert, err := courier.alert(ctx)
	if err != nil {
		return err
	}
	s.done("courier", "comes back on a new one: TLS alert %q", alert)
	return nil
}

// listen asks for the stream of events and reads it on another goroutine. What ends
// it comes from the channel; it has begun when listen returns.
func (c *caller) listen(ctx context.Context) (<-chan error, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/events", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := c.transport.RoundTrip(req) //nolint:bodyclose // by the goroutine that reads it
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s was answered %d, want 200 and events", c.subject, res.StatusCode)
	}
	ended := make(chan error, 1)
	go func() {
		defer res.Body.Close()
		_, err := io.Copy(io.Discard, res.Body)
		ended <- err
	}()
	return ended, nil
}

// sendEvents is a response without an end: an event now and then.
func sendEvents(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, "data: tick\n\n"); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

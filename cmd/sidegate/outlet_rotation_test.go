package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

// A visitorBook is a partner that sends bodies back and notes which certificates
// called.
type visitorBook struct {
	mu    sync.Mutex
	calls map[string]int // by serial
}

func (b *visitorBook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.calls[r.TLS.PeerCertificates[0].SerialNumber.Text(16)]++
	b.mu.Unlock()
	w.Header().Set("X-Method", r.Method)
	_, _ = io.Copy(w, r.Body)
}

// seen returns how often each certificate called.
func (b *visitorBook) seen() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.calls)
}

// A customer is an application with one connection, which is never idle for long.
type customer struct {
	client http.Client
	dials  atomic.Int64
	calls  int // of each method
}

func newCustomer() *customer {
	c := &customer{}
	c.client.Transport = &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c.dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	return c
}

// work makes calls until stop is closed, or one fails. net/http makes a call again
// that it may repeat, but over another connection: that is a failure here.
func (c *customer) work(url string, stop <-chan struct{}) error {
	defer c.client.CloseIdleConnections()
	for body := strings.Repeat("order ", 300); ; c.calls++ {
		select {
		case <-stop:
			return nil
		default:
		}
		err := errors.Join(c.call(http.MethodGet, url, ""), c.call(http.MethodPost, url, body))
		if n := c.dials.Load(); n != 1 {
			err = errors.Join(err, fmt.Errorf("%d connections, want one", n))
		}
		if err != nil {
			return fmt.Errorf("after %d calls of each method: %w", c.calls, err)
		}
	}
}

func (c *customer) call(method, url, body string) error {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || res.Header.Get("X-Method") != method || string(got) != body {
		return fmt.Errorf("%s: status %d, %d bytes, want 200 and the %d that were sent: %.200q, %v", method, res.StatusCode, len(got), len(body), got, err)
	}
	return nil
}

// employ lets n customers work until done is called, which returns how many calls
// they made.
func employ(t *testing.T, n int, url string) (done func() (calls int)) {
	all, stop := make([]*customer, n), make(chan struct{})
	var working sync.WaitGroup
	for i := range all {
		all[i] = newCustomer()
		working.Go(func() {
			if err := all[i].work(url, stop); err != nil {
				t.Errorf("customer %d: %v", i, err)
			}
		})
	}
	return sync.OnceValue(func() (calls int) {
		close(stop)
		working.Wait()
		for i, c := range all {
			if calls += 2 * c.calls; c.calls == 0 {
				t.Errorf("customer %d made no call", i)
			}
		}
		return calls
	})
}

func TestNoCallFailsWhileTheClientCertificateIsReplaced(t *testing.T) {
	const customers, renewals = 8, 20
	w, book := newWorld(t), &visitorBook{calls: map[string]int{}}
	api := newPartner(w.pki, w.issue("api", apiOptions()), book.ServeHTTP)
	t.Cleanup(api.Close)
	secret := minica.Mount{Dir: filepath.Join(w.dir, "client")}
	renew := func() (renewed string) {
		c := must(w.ca.Issue(minica.Options{Subject: partnerDN}))
		if err := secret.Write(map[string][]byte{"tls.crt": c.ChainPEM(), "tls.key": c.KeyPEM()}); err != nil {
			t.Fatal(err)
		}
		return serial(c)
	}
	first := renew()
	w.configure(strings.ReplaceAll(onlyCalling(api.URL), "$DIR/partner", secret.Dir) + "log: {requests: false}\n")
	p := w.spawn()
	done := employ(t, customers, "http://"+p.address("egress")+"/orders")
	defer done()

	arrives := func(number string) {
		t.Helper()
		eventually(t, "the certificate "+number+" at the partner", func() bool { return book.seen()[number] > 0 })
	}
	arrives(first)
	for range renewals {
		arrives(renew())
	}
	calls, served := done(), 0
	for _, n := range book.seen() {
		served += n
	}
	if n := len(book.seen()); n != renewals+1 || served != calls {
		t.Errorf("the partner saw %d certificates and %d calls, want %d and %d", n, served, renewals+1, calls)
	}
	if n := p.log.count(`"msg":"certificates replaced"`, `"listener":"partner"`); n != renewals {
		t.Errorf("certificates were replaced %d times, want %d", n, renewals)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
	t.Logf("%d calls of %d customers with %d certificates", calls, customers, renewals+1)
}

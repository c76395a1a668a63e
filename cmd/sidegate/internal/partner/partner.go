package partner

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The names of the partner. Its service and its webhooks have a certificate
// each, as they most often do.
const (
	ServiceDN = "CN=api.partner.example,O=Partner SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE"
	WebhookDN = "CN=webhooks.partner.example,O=Partner SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE"
)

// Options say where a partner lives.
type Options struct {
	Dir    string    // where requests are put and certificates are found; made if it is not there
	Listen string    // of the service: HOST:PORT, loopback only
	Out    io.Writer // what happens, a line each
}

// Run plays the partner until ctx is done.
func Run(ctx context.Context, o Options) error {
	lines := &lines{w: o.Out}
	// First of all: a second partner for the same folder must not put its own
	// authority in the place of the first one's.
	ln, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	a, err := newAuthority(o.Dir, lines.say)
	if err != nil {
		return err
	}
	service, err := a.ca.Issue(minica.Options{
		Subject: ServiceDN, DNS: []string{"api.partner.example", "localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return err
	}
	caller, err := a.ca.Issue(minica.Options{Subject: WebhookDN, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return err
	}
	server := (&api{authority: a, hooks: newWebhooks(a, caller.TLS()), log: lines.say}).server(service.TLS())
	server.ErrorLog = log.New(lines, "", 0) //nolint:forbidigo // net/http takes no other, and it ends in lines
	lines.introduce(o.Dir, ln.Addr().String())
	return serve(ctx, server, ln, a)
}

// listen binds the address of the service.
func listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen on %q: a rehearsal is for this machine alone; write a loopback address such as 127.0.0.1:9443", address)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %w: perhaps another rehearsal runs; stop it, or choose another port with --listen", err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// serve serves and signs until ctx is done.
func serve(ctx context.Context, server *http.Server, ln net.Listener, a *authority) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		a.run(ctx)
		return server.Close()
	})
	group.Go(func() error {
		if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the partner's API: %w", err)
		}
		return nil
	})
	return group.Wait()
}

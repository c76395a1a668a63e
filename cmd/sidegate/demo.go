package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/partner"
)

const demoHelp = `sidegate demo - see it work, in one process, on throw-away certificates

Usage:
    sidegate demo [-v]
    sidegate demo --partner DIR [--listen 127.0.0.1:9443]

A partner is let in, others are refused, twenty certificates are renewed under
load, trust is withdrawn from open connections. All of it is real: files as a
kubelet mounts them, TLS and HTTP over sockets, and the sidecar that "sidegate
run" starts. It needs no privileges, opens ports on 127.0.0.1 only, and leaves
nothing behind.

    -v    print the log of the sidecar to standard error

Exit code 0 means that everything happened as told; the first thing that did not
ends the story with exit code 1.

The second form plays only the partner, until a signal comes, for a rehearsal of
docs/guide-webhook-partner.md with your own configuration: an authority that
signs the requests put into DIR, an API behind mutual TLS, and webhooks. Its keys
are in memory alone; it listens on, and calls, loopback addresses alone.
`

// The story in numbers.
const (
	demoLimit    = 16 * time.Second // the longest that it may take, but for clearing up
	keptOpen     = 16               // connections that stay open and busy
	shakingHands = 4                // callers with a new connection for each request
	renewals     = 20
	demoGrace    = 200 * time.Millisecond // for requests of those whose trust is withdrawn
)

// demo is the command demo.
func demo(ctx context.Context, args []string, std streams) error {
	fs := newFlags("demo")
	verbose := fs.Bool("v", false, "")
	dir := fs.String("partner", "", "")
	listen := fs.String("listen", "127.0.0.1:9443", "")
	operands, err := parseFlags(fs, args)
	if err == nil {
		err = refuseEmpty(fs)
	}
	if err != nil {
		return err
	}
	if len(operands) > 0 {
		return misuseOf("sidegate help demo", fmt.Errorf("demo takes no argument, but got %q", operands[0]))
	}
	defer surviveClosedPipes()()
	w := io.Discard
	if *verbose {
		w = std.err
	}
	book := newLogBook(w)
	log := logr.FromSlogHandler(book)
	if *dir != "" {
		return untilSignal(ctx, log, func(ctx context.Context) error {
			return partner.Run(ctx, partner.Options{Dir: *dir, Listen: *listen, Out: std.out})
		})
	}
	return untilSignal(ctx, log, func(ctx context.Context) error {
		if err := perform(ctx, newTeller(std.out), &stage{log: log, book: book}); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		return nil
	})
}

// perform sets the stage, tells the story on it, and clears it away.
func perform(ctx context.Context, t *teller, st *stage) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoLimit, fmt.Errorf("the story did not end within %v; is the machine busy?", demoLimit))
	defer cancel()
	s := &story{teller: t, stage: st}
	if err = st.open(ctx); err == nil {
		err = s.tell(ctx)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		err = errors.New("interrupted before the story was over")
	case cause != nil:
		err = cause // of whatever failed because of it
	}
	if err = errors.Join(err, st.close()); err == nil {
		t.say("\nThe gate has drained, and nothing is left behind. Next:\n")
		t.fact("README.md", "the same in five minutes with openssl and curl")
		t.fact("run", "sidegate run --help: the gate for your own application")
		err = t.err
	}
	return err
}

// A story is the demo while it is told. Each scene first makes something
// happen and then says that it did; the error is what did not.
type story struct {
	*teller
	*stage
	tally tally // of every request that has to be let in
	crowd *crowd

	acme, billing, globex *caller
	served                []time.Duration // from each renewal to its being served
	refused               time.Duration   // from the withdrawal of trust to the refusal
	revoked               time.Duration   // the same of a certificate that its CA revoked
}

func (s *story) tell(ctx context.Context) error {
	s.acme, s.billing, s.globex = s.caller(s.acmeCert), s.caller(s.billingCert), s.caller(s.globexCert)
	s.crowd = newCrowd(s.stage, s.acmeCert)
	defer s.crowd.end()
	scenes := []func(context.Context) error{
		s.setScene, s.callWelcome, s.callForging, s.callUnlisted, s.callNameless,
		s.renewUnderLoad, s.breakSecret, s.withdrawTrust, s.revoke, s.withdrawRule, s.count,
	}
	for _, scene := range scenes {
		if err := scene(ctx); err != nil {
			return err
		}
		if s.err != nil {
			return fmt.Errorf("tell the story: %w", s.err)
		}
	}
	return nil
}

func (s *story) setScene(context.Context) error {
	s.say("Sidegate in front of a plain HTTP application: one process, throw-away certificates, 127.0.0.1.\n")
	s.title("The scene")
	s.fact("application", "%s, plain HTTP: answers with the X-Client headers that reach it", s.appURL)
	s.fact("Secret", "%s, mounted as a kubelet mounts it", s.secret.Dir)
	s.fact("the gate", "%s, what \"sidegate run\" starts with this configuration:", s.url)
	s.block(s.ingressYAML())
	s.detail("(and five lines for a demo: no probes, no status page, no request log, a short drain)")
	return nil
}

func (s *story) callWelcome(ctx context.Context) error {
	s.title("Who gets in")
	a, err := s.tally.admitted(ctx, s.acme, nil)
	if err != nil {
		return err
	}
	s.done("acme", "200; what the application received:")
	s.block(a.body)
	return nil
}

func (s *story) callForging(ctx context.Context) error {
	truth, err := s.tally.admitted(ctx, s.acme, nil)
	if err != nil {
		return err
	}
	a, err := s.tally.admitted(ctx, s.acme, map[string][]string{
		"X-Client-Subject": {"CN=root"}, "X_Client_Subject": {"CN=root"}, "x.client-rule": {"admin"},
	})
	if err != nil {
		return err
	}
	if a.body != truth.body {
		return fmt.Errorf("forged headers reached the application: %q", a.body)
	}
	s.done("acme", "sends X-Client-Subject and X_Client_Subject of its own: the same lines, nothing forged")
	return nil
}

// callUnlisted shows how a rule comes about: refused, pasted, let in.
func (s *story) callUnlisted(ctx context.Context) error {
	a, err := s.billing.call(ctx, nil)
	if err != nil {
		return err
	}
	if a.status != 403 {
		return fmt.Errorf("a Subject on no list was answered %d, want 403", a.status)
	}
	line, err := s.book.wait(ctx, "request refused", "subject-not-allowed")
	if err != nil {
		return err
	}
	s.done("billing", "the same CA, but on no list: %s", a.body)
	s.detail("the log says: %s. To let it in, paste", line.Detail)
	s.block(line.Allow)
	took, err := s.billing.turns(ctx, 403, 200, func() error { return s.allow(acmeGrant, courierGrant, globexGrant, grant{"billing", line.Allow}) })
	if err != nil {
		return err
	}
	s.done("billing", "200 on the same connection, %s after the line was pasted; no restart", ms(took))
	return nil
}

func (s *story) callNameless(ctx context.Context) error {
	alert, err := s.caller(nil).alert(ctx)
	if err != nil {
		return err
	}
	line, err := s.book.wait(ctx, "handshake refused", "no-certificate")
	if err != nil {
		return err
	}
	s.done("nobody", "without a certificate: TLS alert %q, and the log says", alert)
	s.detail("%s: %s", line.Reason, line.Detail)
	return nil
}

func (s *story) renewUnderLoad(ctx context.Context) error {
	s.title("Renewals under load")
	s.say("   %d connections stay open, with a request every %s on each; %d callers shake hands for each\n", keptOpen, ms(pace), shakingHands)
	s.say("   request. Meanwhile the Secret is replaced %d times:\n", renewals)
	s.crowd.begin(ctx, &s.tally)
	fresh := s.caller(s.acmeCert)
	fresh.transport.DisableKeepAlives = true
	for i := 1; i <= renewals; i++ {
		old := s.serial()
		took, err := s.renew(ctx, fresh)
		if err != nil {
			return fmt.Errorf("renewal %d: %w", i, err)
		}
		s.served = append(s.served, took)
		if i <= 2 || i == renewals {
			s.fact(fmt.Sprintf("renewal %d", i), "serial %s… → %s…, served %s after the swap", old[:8], s.serial()[:8], ms(took))
		}
	}
	s.done("gate", "%d renewals served: median %s, worst %s after the swap", renewals, ms(median(s.served)), ms(worst(s.served)))
	return nil
}

// renew mounts a new server certificate and waits until a new connection is
// served it.
func (s *story) renew(ctx context.Context, fresh *caller) (time.Duration, error) {
	start := time.Now()
	if err := s.mountNewServer(); err != nil {
		return 0, err
	}
	err := await(ctx, "the renewed certificate being served", func() (bool, error) {
		a, err := s.tally.admitted(ctx, fresh, nil)
		return a.serial == s.serial(), err
	})
	return time.Since(start), err
}

func (s *story) breakSecret(ctx context.Context) error {
	if err := s.mountServer(s.server, s.acmeCert); err != nil { // a key of another certificate
		return err
	}
	line, err := s.book.wait(ctx, "certificates cannot be used, keeping the ones in use", "")
	if err != nil {
		return err
	}
	fresh := s.caller(s.acmeCert)
	a, err := s.tally.admitted(ctx, fresh, nil)
	if err != nil {
		return err
	}
	if a.serial != s.serial() || len(line.Faults) == 0 {
		return fmt.Errorf("a broken Secret changed what is served, or was not explained: serial %q, faults %q", a.serial, line.Faults)
	}
	s.done("gate", "a Secret with a wrong key comes: serial %s… is still served, and the log says", a.serial[:8])
	s.detail("%s", strings.ReplaceAll(line.Faults[0], s.dir, "…"))
	if err := s.mountServer(s.server, s.server); err != nil {
		return err
	}
	_, err = s.book.wait(ctx, "the certificates in use are mounted again", "")
	return err
}

func (s *story) withdrawTrust(ctx context.Context) error {
	s.title("Withdrawals")
	for range 10 {
		if _, err := s.tally.admitted(ctx, s.globex, nil); err != nil {
			return err
		}
	}
	var err error
	if s.refused, err = s.globex.turns(ctx, 200, 401, s.distrustGlobex); err != nil {
		return err
	}
	s.done("globex", "its CA leaves the mounted trust: 401 on its open connection %s after the swap", ms(s.refused))
	alert, err := s.globex.alert(ctx)
	if err != nil {
		return err
	}
	line, err := s.book.wait(ctx, "handshake refused", "unknown-ca")
	if err != nil {
		return err
	}
	s.done("globex", "comes back on a new one: TLS alert %q, and the log says %s", alert, line.Reason)
	return nil
}

func (s *story) withdrawRule(ctx context.Context) error {
	took, err := s.billing.turns(ctx, 200, 403, func() error { return s.allow(acmeGrant, courierGrant, globexGrant) })
	if err != nil {
		return err
	}
	s.done("billing", "its rule leaves the configuration: 403 on its open connection after %s", ms(took))
	return nil
}

// count ends the load and compares what was told with what was counted.
func (s *story) count(context.Context) error {
	s.crowd.end()
	if opened := s.crowd.opened(); opened != keptOpen {
		return fmt.Errorf("%d connections were to stay open, but %d were opened", keptOpen, opened)
	}
	if err := s.tally.err(); err != nil {
		return err
	}
	s.done("acme", "noticed nothing: %d of %d connections stayed open through all of it", keptOpen, keptOpen)
	s.title("The numbers")
	s.fact("requests", "sent by those who are let in: %d, failed: %d", s.tally.sent.Load(), s.tally.failed.Load())
	s.fact("renewals", "%d, served after: median %s, worst %s", len(s.served), ms(median(s.served)), ms(worst(s.served)))
	s.fact("withdrawal", "refused on the open connection after %s, by revocation list after %s", ms(s.refused), ms(s.revoked))
	return nil
}

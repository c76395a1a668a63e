package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

// The names in the story.
const (
	shopDN    = "CN=hooks.shop.example,O=Shop,C=BE"
	acmeDN    = "CN=webhooks.acme.example,O=Acme SA,C=BE"
	billingDN = "CN=billing.acme.example,O=Acme SA,C=BE"
	courierDN = "CN=courier.acme.example,O=Acme SA,C=BE"
	globexDN  = "CN=api.globex.example,O=Globex NV,C=NL"
)

// A grant is one rule of the configuration: its name, and its condition as YAML
// has it.
type grant struct{ name, condition string }

var (
	acmeGrant    = grant{"acme", "subject: '" + acmeDN + "'"}
	courierGrant = grant{"courier", "subject: '" + courierDN + "'"}
	globexGrant  = grant{"globex", "subject: '" + globexDN + "'"}
)

// A stage is where the story is played: two partners with a CA each, an
// application, and the gate in front of it. The zero value wants its log and
// book set, then open; close it in any case.
type stage struct {
	log  logr.Logger
	book *logBook // what log writes to

	dir                       string
	secret, trust             minica.Mount
	lists, conf               minica.Mount
	serverCA, acmeCA, otherCA *minica.CA

	server                  *minica.Cert // the one mounted last
	listNumber              int64        // of the revocation list mounted last
	acmeCert, billingCert   *minica.Cert
	courierCert, globexCert *minica.Cert

	grants []grant // configured last
	appURL string
	url    string         // of the gate
	ends   []func() error // what was started, in this order
}

func (s *stage) open(ctx context.Context) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "sidegate-demo-"); err != nil {
		return fmt.Errorf("create a directory for the demo: %w; mount a writable /tmp, or set TMPDIR", err)
	}
	s.placeMounts(s.dir)
	for _, step := range []func(context.Context) error{s.certify, s.startApp, s.mountAll, s.startGate} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("set the stage: %w", err)
		}
	}
	return nil
}

// placeMounts says where below dir everything is mounted.
func (s *stage) placeMounts(dir string) {
	for name, m := range map[string]*minica.Mount{"tls": &s.secret, "ca": &s.trust, "crl": &s.lists, "config": &s.conf} {
		m.Dir = filepath.Join(dir, name)
	}
}

// close ends what was started, the last first, and removes the files. It waits
// until all is over.
func (s *stage) close() error {
	var errs []error
	for _, end := range slices.Backward(s.ends) {
		errs = append(errs, end())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// certify founds the CAs and issues the certificates of the callers.
func (s *stage) certify(context.Context) error {
	var errs []error
	found := func(dn string) *minica.CA {
		ca, err := minica.New(minica.Options{Subject: dn})
		errs = append(errs, err)
		return ca
	}
	s.serverCA, s.acmeCA, s.otherCA = found("CN=Shop CA,O=Shop,C=BE"), found("CN=Acme CA,O=Acme SA,C=BE"), found("CN=Globex CA,O=Globex NV,C=NL")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	issue := func(ca *minica.CA, dn string) *minica.Cert {
		c, err := ca.Issue(minica.Options{Subject: dn})
		errs = append(errs, err)
		return c
	}
	s.acmeCert, s.billingCert, s.courierCert = issue(s.acmeCA, acmeDN), issue(s.acmeCA, billingDN), issue(s.acmeCA, courierDN)
	s.globexCert = issue(s.otherCA, globexDN)
	return errors.Join(errs...)
}

// mountAll mounts two Secrets, a revocation list and a configuration.
func (s *stage) mountAll(context.Context) error {
	return errors.Join(
		s.mountNewServer(),
		s.trust.Write(map[string][]byte{"acme.crt": s.acmeCA.PEM(), "globex.crt": s.otherCA.PEM()}),
		s.listOf(),
		s.allow(acmeGrant, courierGrant, globexGrant))
}

// mountNewServer issues a server certificate with a new key and mounts it.
func (s *stage) mountNewServer() error {
	next, err := s.serverCA.Issue(minica.Options{Subject: shopDN, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		return err
	}
	s.server = next
	return s.mountServer(next, next)
}

// mountServer mounts a certificate with a key, which should be its own.
func (s *stage) mountServer(cert, key *minica.Cert) error {
	return s.secret.Write(map[string][]byte{"tls.crt": cert.ChainPEM(), "tls.key": key.KeyPEM()})
}

// serial returns the serial number of the server certificate mounted last, hex.
func (s *stage) serial() string { return s.server.Leaf.SerialNumber.Text(16) }

// distrustGlobex mounts the CAs without that of Globex.
func (s *stage) distrustGlobex() error {
	return s.trust.Write(map[string][]byte{"acme.crt": s.acmeCA.PEM()})
}

// allow mounts a configuration that lets in whom the grants name.
func (s *stage) allow(grants ...grant) error {
	s.grants = grants
	// A demo is not probed, has no load balancer to wait for, and of thousands
	// of requests logs only those that are refused.
	const rest = "health: {listen: off}\nadmin: {listen: off}\nlog: {requests: false}\ndrainDelay: 0s\ndrainTimeout: 2s\n"
	return s.conf.Write(map[string][]byte{"sidegate.yaml": []byte(s.ingressYAML() + rest)})
}

// ingressYAML is the part of the configuration that matters to the story.
func (s *stage) ingressYAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ingress:\n  - listen: 127.0.0.1:0\n    upstream: %s\n    certificate: %q\n    clientCA: %q\n    crl: %q\n    withdrawalGrace: %v\n    allow:\n",
		s.appURL, s.secret.Dir, s.trust.Dir, s.lists.Dir, demoGrace)
	for _, g := range s.grants {
		fmt.Fprintf(&b, "      - name: %s\n        %s\n", g.name, g.condition)
	}
	return b.String()
}

// startApp starts the application: plain HTTP on loopback.
func (s *stage) startApp(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.appURL = "http://" + ln.Addr().String()
	app := http.NewServeMux()
	app.HandleFunc("/", repeatIdentity)
	app.HandleFunc("GET /events", sendEvents)
	server := &http.Server{Handler: app, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	s.ends = append(s.ends, func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, fmt.Errorf("the application: %w", served))
		}
		return err
	})
	return nil
}

// repeatIdentity answers with every header that a lax application could take
// for one about the client, so that a forged one would be seen.
func repeatIdentity(w http.ResponseWriter, r *http.Request) {
	lax := strings.NewReplacer("_", "-", ".", "-")
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !strings.HasPrefix(strings.ToLower(lax.Replace(name)), "x-client-") {
			continue
		}
		for _, value := range r.Header[name] {
			fmt.Fprintf(w, "%s: %s\n", name, value)
		}
	}
}

// startGate starts the sidecar that the mounted configuration asks for.
func (s *stage) startGate(ctx context.Context) error {
	file := filepath.Join(s.conf.Dir, "sidegate.yaml")
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	gate, err := newSidecar(ctx, cfg, sidecarOptions{ConfigFile: file, Log: s.log})
	if err != nil {
		return err
	}
	s.url = "https://" + gate.IngressAddr(cfg.Ingress[0].Name)
	// It outlives an interrupted story, to be drained when the callers are gone.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- gate.Run(ctx) }()
	s.ends = append(s.ends, func() error {
		stop()
		return <-done
	})
	return nil
}

package proxy_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A site is a pod as `sidegate run` makes it: two ingresses, each before an
// application of its own and with a store of its own, that read the same mounted
// files. Trust is withdrawn at a site by changing those files and the policy.
type site struct {
	t    *testing.T
	web  *gate // before an application that speaks HTTP/1.1
	rpc  *gate // before one that speaks HTTP/2, as gRPC does
	crew *crew // both applications

	secret, anchors, lists minica.Mount
	cas, crls              map[string][]byte // what is mounted
	rules                  policy.Policy     // in use at both

	later atomic.Int64 // how far the clock of the site is ahead, in nanoseconds
	close func()       // ends everything; may be called again
}

// withdrawalGrace is what a request under way is given at a site.
const withdrawalGrace = 500 * time.Millisecond

// A charter is what a site begins with.
type charter struct {
	cas   map[string]*minica.CA // by the name of the file
	crls  map[string][]byte
	rules policy.Policy
	certs certs.Options
}

// openSite starts a site.
func openSite(t *testing.T, c charter) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, crew: newCrew(), rules: c.rules, cas: map[string][]byte{}, crls: c.crls,
		secret:  minica.Mount{Dir: filepath.Join(dir, "tls")},
		anchors: minica.Mount{Dir: filepath.Join(dir, "ca")},
		lists:   minica.Mount{Dir: filepath.Join(dir, "crl")},
	}
	for file, ca := range c.cas {
		s.cas[file] = ca.PEM()
	}
	serverCA := newCA(t, "CN=Server CA")
	server := issue(t, serverCA, minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}})
	s.mount(s.secret, map[string][]byte{"tls.crt": server.ChainPEM(), "tls.key": server.KeyPEM()})
	s.mount(s.anchors, s.cas)
	s.mount(s.lists, s.crls)

	plain, multiplexed := s.serveApps()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.web = s.openGate(ctx, &running, serverCA, plain.URL, c.certs)
	s.rpc = s.openGate(ctx, &running, serverCA, "h2c://"+multiplexed.Listener.Addr().String(), c.certs)
	s.close = sync.OnceFunc(func() {
		stop()
		done, end := context.WithTimeout(context.Background(), 5*time.Second)
		defer end()
		_, _ = s.web.in.Drain(done, 0), s.rpc.in.Drain(done, 0)
		running.Wait()
		plain.Close()
		multiplexed.Close()
	})
	t.Cleanup(s.close)
	return s
}

// serveApps starts the crew behind HTTP/1.1 and behind HTTP/2 without TLS.
func (s *site) serveApps() (plain, multiplexed *httptest.Server) {
	plain = httptest.NewServer(s.crew)
	multiplexed = httptest.NewUnstartedServer(s.crew)
	multiplexed.Config.Protocols = new(http.Protocols)
	multiplexed.Config.Protocols.SetUnencryptedHTTP2(true)
	multiplexed.Start()
	return plain, multiplexed
}

// openGate starts one ingress of the site.
func (s *site) openGate(ctx context.Context, running *sync.WaitGroup, serverCA *minica.CA, upstream string, o certs.Options) *gate {
	t := s.t
	t.Helper()
	g := &gate{t: t, reg: new(metric.Registry), logs: &logBuffer{}, serverCA: serverCA, mount: s.secret}
	app, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	rules := s.rules
	g.set = proxy.Settings{Upstream: app, Policy: &rules, HTTP2: true, WebSocket: true, WithdrawalGrace: withdrawalGrace,
		Limits: proxy.Limits{BodyIdleTimeout: 1000 * time.Hour, IdleTimeout: 1000 * time.Hour}} // the clock may be put on
	log := logr.FromSlogHandler(slog.NewJSONHandler(g.logs, nil))
	o.Log, o.Changed = log, func(b *certs.Bundle) { _ = g.in.SetBundle(b) }
	files := certs.Files{Certificate: s.secret.Dir, CA: []string{s.anchors.Dir}, CRL: []string{s.lists.Dir}}
	if g.store, err = certs.Open(files, o); err != nil {
		t.Fatal(err)
	}
	settings := g.set
	if g.in, err = proxy.NewIngress("ingress", g.store.Current(), &settings, proxy.NewMetrics(g.reg), log); err != nil {
		t.Fatal(err)
	}
	g.in.SetNow(s.now)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.addr = ln.Addr().String()
	running.Go(func() { _ = g.in.Serve(ln) })
	running.Go(func() { _ = g.store.Run(ctx) })
	return g
}

// now is the clock of the site.
func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }

// putOn puts the clock on to the moment.
func (s *site) putOn(moment time.Time) { s.later.Store(int64(time.Until(moment))) }

func (s *site) mount(m minica.Mount, files map[string][]byte) {
	s.t.Helper()
	if err := m.Write(files); err != nil {
		s.t.Fatal(err)
	}
}

// publish mounts a revocation list, beside or in place of those there are.
func (s *site) publish(file string, ca *minica.CA, o minica.CRLOptions) {
	s.t.Helper()
	s.crls = maps.Clone(s.crls)
	s.crls[file] = listOf(s.t, ca, o)
	s.mount(s.lists, s.crls)
}

func listOf(t *testing.T, ca *minica.CA, o minica.CRLOptions) []byte {
	t.Helper()
	list, err := ca.CRLPEM(o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// revoking returns a list with the serial numbers of the certificates.
func revoking(number int64, revoked ...*minica.Cert) minica.CRLOptions {
	o := minica.CRLOptions{Number: number}
	for _, c := range revoked {
		o.Revoked = append(o.Revoked, minica.Revoked{Serial: c.Leaf.SerialNumber, Reason: 1})
	}
	return o
}

// distrust takes a CA out of the mounted ones.
func (s *site) distrust(file string) {
	s.t.Helper()
	s.cas = maps.Clone(s.cas)
	delete(s.cas, file)
	s.mount(s.anchors, s.cas)
}

// decree changes the policy at both ingresses, as a configuration reload does.
func (s *site) decree(change func(p *policy.Policy)) {
	s.t.Helper()
	p := s.rules
	p.Deny, p.Rules = slices.Clone(p.Deny), slices.Clone(p.Rules)
	change(&p)
	s.rules = p
	for _, g := range []*gate{s.web, s.rpc} {
		g.configure(func(st *proxy.Settings) { st.Policy = &p })
	}
}

// deny adds a deny entry.
func (s *site) deny(d policy.Denial) {
	s.t.Helper()
	s.decree(func(p *policy.Policy) { p.Deny = append(p.Deny, d) })
}

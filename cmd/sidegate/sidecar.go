package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/config"
)

// sidecarOptions are what a sidecar needs beside its configuration. The zero
// value is good: no log, and a configuration that stays as it is.
type sidecarOptions struct {
	// ConfigFile is followed, and what it says is taken into use when it changes.
	ConfigFile string

	Log logr.Logger

	// Leave, which may be nil, says that the pod is about to go: see [sidecar.leave].
	Leave <-chan os.Signal

	// LogChanged is called with the log settings of a configuration that was
	// taken into use. It may be nil.
	LogChanged func(config.Log)
}

// A sidecar is everything that serves in one process: a gate for each ingress, an
// outlet for each egress, the endpoints for machines and for people, and the loops
// that keep certificates and configuration fresh. Make one with [newSidecar], then let it
// [sidecar.Run].
type sidecar struct {
	options sidecarOptions
	log     logr.Logger
	started time.Time

	probe         admin.Probe
	metrics       *proxy.Metrics
	configMetrics *proxy.ConfigMetrics

	initial       *config.Config // whose addresses are the ones listened on
	gates         []*gate        // in the order of initial
	outlets       []*outlet      // likewise
	health, admin net.Listener   // nil where off

	serving  atomic.Bool
	draining atomic.Bool
	left     time.Time // of the one goroutine that leaves and drains
	reload   reload    // of the one goroutine that follows the configuration

	mu     sync.Mutex     // guards what follows, and what a reload replaces of gates and outlets
	cfg    *config.Config // in use
	loaded time.Time
	fault  error // why the file's content is not in use; nil when it is
}

// newSidecar opens every certificate of cfg, which must have been validated,
// and then binds every listener, so that nothing is served unless everything
// can be. With cfg.StartupWait it waits for certificates; ctx ends only that
// wait. The error joins all that is wrong.
//
// Clients may connect when it returns; they are served once Run is called.
func newSidecar(ctx context.Context, cfg *config.Config, o sidecarOptions) (*sidecar, error) {
	now := time.Now()
	s := &sidecar{options: o, log: o.Log, started: now, initial: cfg, cfg: cfg, loaded: now}
	registry := admin.NewRegistry(buildVersion(), runtime.Version())
	s.probe = admin.Probe{Started: s.serving.Load, Ready: s.ready, Metrics: registry}
	s.metrics = proxy.NewMetrics(registry)
	s.configMetrics = proxy.NewConfigMetrics(registry)
	if err := s.openAll(ctx); err != nil {
		return nil, err
	}
	if err := s.bind(ctx); err != nil {
		s.closeListeners()
		return nil, err
	}
	return s, nil
}

// openAll opens gates and outlets all at once: with a StartupWait each of them may
// wait.
func (s *sidecar) openAll(ctx context.Context) error {
	ins, outs := s.cfg.Ingress, s.cfg.Egress
	s.gates, s.outlets = make([]*gate, len(ins)), make([]*outlet, len(outs))
	errs := make([]error, len(ins)+len(outs))
	var all sync.WaitGroup
	for i := range ins {
		all.Go(func() {
			s.gates[i], errs[i] = newGate(ctx, &ins[i], planOf(&ins[i], s.cfg.Log), s.cfg.StartupWait, s.metrics, s.log)
		})
	}
	for i := range outs {
		all.Go(func() {
			s.outlets[i], errs[len(ins)+i] = newOutlet(ctx, &outs[i], egressPlanOf(&outs[i], s.cfg.Log), s.cfg.StartupWait, s.metrics, s.log)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// keepers returns what gates and outlets have in common, in this order.
func (s *sidecar) keepers() []*keeper {
	var all []*keeper
	for _, g := range s.gates {
		all = append(all, g.keeper)
	}
	for _, o := range s.outlets {
		all = append(all, o.keeper)
	}
	return all
}

// bind binds every listener. What it has bound when another fails is left for
// the caller to close.
func (s *sidecar) bind(ctx context.Context) error {
	var errs []error
	listen := func(what, addr string) net.Listener {
		if addr == "" {
			return nil
		}
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("listen for %s: %w%s", what, err, mendListen(err)))
			return nil
		}
		return ln
	}
	for _, g := range s.gates {
		g.ln = listen(called(g.kind, g.name), g.bound.Listen)
	}
	for _, o := range s.outlets {
		o.ln = listen(called(o.kind, o.name), o.bound.Listen)
	}
	s.health = listen("health", s.cfg.Health.Listen)
	s.admin = listen("the status page", s.cfg.Admin.Listen)
	return errors.Join(errs...)
}

// mendListen says how to mend err, of a listener, where that is known.
func mendListen(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return "; another process has it: stop it, or change `listen`"
	}
	return ""
}

func (s *sidecar) closeListeners() {
	lns := []net.Listener{s.health, s.admin}
	for _, k := range s.keepers() {
		lns = append(lns, k.ln)
	}
	for _, ln := range lns {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// IngressAddr returns the address that the ingress called name listens on, with
// its real port where the configuration has port 0; "" if there is none.
func (s *sidecar) IngressAddr(name string) string { return s.listenerAddr("ingress", name) }

// EgressAddr returns the address of the egress called name, like IngressAddr.
func (s *sidecar) EgressAddr(name string) string { return s.listenerAddr("egress", name) }

func (s *sidecar) listenerAddr(kind, name string) string {
	for _, k := range s.keepers() {
		if k.kind == kind && k.name == name {
			return addrOf(k.ln)
		}
	}
	return ""
}

// HealthAddr returns the address of the health listener; "" if it is off.
func (s *sidecar) HealthAddr() string { return addrOf(s.health) }

// AdminAddr returns the address of the status page; "" if it is off.
func (s *sidecar) AdminAddr() string { return addrOf(s.admin) }

func addrOf(ln net.Listener) string {
	if ln == nil {
		return ""
	}
	return ln.Addr().String()
}

// Run serves until ctx is done, drains, and returns when nothing that it
// started is left. While it drains, probes and scrapes are answered and
// certificates are followed. The error is nil unless a listener failed or
// requests had to be cut off. Run must be called once.
func (s *sidecar) Run(ctx context.Context) error {
	group, alive := errgroup.WithContext(context.WithoutCancel(ctx))
	alive, end := context.WithCancel(alive)
	defer end()
	for _, o := range s.outlets { // before the gates, whose first request may need them
		s.logListening(o.keeper, o.plan.settings.Upstream)
		o.follow(alive)
		group.Go(func() error { return o.egress.Serve(o.ln) })
	}
	for _, g := range s.gates {
		s.logListening(g.keeper, g.plan.settings.Upstream)
		g.follow(alive)
		group.Go(func() error { return g.ingress.Serve(g.ln) })
	}
	s.serveEndpoints(alive, group)
	group.Go(func() error { trimMemory(alive); return nil })
	s.serving.Store(true)
	if s.options.ConfigFile != "" {
		group.Go(func() error { return s.followConfig(alive) })
	}
	group.Go(func() error {
		defer end()
		select {
		case <-s.options.Leave:
			s.leave()
		case <-ctx.Done():
		case <-alive.Done(): // a listener failed; the others are drained all the same
		}
		select {
		case <-ctx.Done():
		case <-alive.Done():
		}
		return s.drain()
	})
	err := group.Wait()
	for _, k := range s.keepers() {
		k.stop()
	}
	return err
}

func (s *sidecar) logListening(k *keeper, upstream *url.URL) {
	s.log.Info("listening", "what", k.kind, "listener", k.name, "address", addrOf(k.ln), "upstream", upstream.String())
}

// leave tells clients and Kubernetes that the pod is going, and serves on. A
// sidecar gets SIGTERM only when the application has ended: too late to send
// anybody elsewhere. What is idle is closed a little before drainDelay is over,
// when an application that waits for as long has not ended yet. Its own calls go on.
func (s *sidecar) leave() {
	delay := s.config().DrainDelay
	s.left = time.Now()
	s.draining.Store(true)
	s.log.Info("leaving: clients are asked to come again elsewhere", "idleSeconds", (delay * 4 / 5).Seconds())
	for _, g := range s.gates {
		g.ingress.Leave(delay * 4 / 5)
	}
}

// drain ends every gate and then every outlet without losing a request, as far as
// drainTimeout allows. Time in which clients could leave already does not have to
// pass again.
func (s *sidecar) drain() error {
	cfg, start := s.config(), time.Now()
	delay := cfg.DrainDelay
	if !s.left.IsZero() {
		delay = max(0, delay-start.Sub(s.left))
	}
	s.draining.Store(true)
	s.log.Info("draining", "delaySeconds", delay.Seconds(), "timeoutSeconds", cfg.DrainTimeout.Seconds())

	// Whatever ended the serving must not end the drain as well.
	ctx, cancel := context.WithTimeout(context.Background(), cfg.DrainTimeout)
	defer cancel()
	err := s.drainGates(ctx, delay)
	err = errors.Join(err, s.drainOutlets(ctx)) // for what came in, calls may have to go out
	s.log.Info("drained", "seconds", time.Since(start).Seconds())
	if err != nil {
		return fmt.Errorf("requests were cut off after drainTimeout (%v): %w", cfg.DrainTimeout, err)
	}
	return nil
}

// drainGates drains every gate. Where there is none to tell when the application
// has done its work, it lets delay pass.
func (s *sidecar) drainGates(ctx context.Context, delay time.Duration) error {
	if len(s.gates) == 0 {
		wait, cancel := context.WithTimeout(ctx, delay)
		defer cancel()
		<-wait.Done()
	}
	var group errgroup.Group
	for _, g := range s.gates {
		group.Go(func() error { return g.cutOff(g.ingress.Drain(ctx, delay)) })
	}
	return group.Wait()
}

func (s *sidecar) drainOutlets(ctx context.Context) error {
	var group errgroup.Group
	for _, o := range s.outlets {
		group.Go(func() error { return o.cutOff(o.egress.Drain(ctx)) })
	}
	return group.Wait()
}

// cutOff says where a drain ended with err, if it is one.
func (k *keeper) cutOff(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", called(k.kind, k.name), err)
}

// config returns the configuration in use.
func (s *sidecar) config() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

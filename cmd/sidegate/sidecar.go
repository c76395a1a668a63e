package main

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// A sidecar is everything that serves in one process: a gate for each ingress,
// the endpoints for machines and for people, and the loops that keep
// certificates and configuration fresh. Make one with [newSidecar], then let it
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
	health, admin net.Listener   // nil where off

	serving  atomic.Bool
	draining atomic.Bool
	left     time.Time // of the one goroutine that leaves and drains
	reload   reload    // of the one goroutine that follows the configuration

	mu     sync.Mutex     // guards what follows, and what a gate has a reload replace
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
	if err := s.openGates(ctx); err != nil {
		return nil, err
	}
	if err := s.bind(ctx); err != nil {
		s.closeListeners()
		return nil, err
	}
	return s, nil
}

// openGates opens them all at once: with a StartupWait each of them may wait.
func (s *sidecar) openGates(ctx context.Context) error {
	ins := s.cfg.Ingress
	s.gates = make([]*gate, len(ins))
	errs := make([]error, len(ins))
	var all sync.WaitGroup
	for i := range ins {
		all.Go(func() {
			s.gates[i], errs[i] = newGate(ctx, &ins[i], planOf(&ins[i], s.cfg.Log), s.cfg.StartupWait, s.metrics, s.log)
		})
	}
	all.Wait()
	return errors.Join(errs...)
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
		g.ln = listen(fmt.Sprintf("ingress %q", g.name), g.bound.Listen)
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
	for _, g := range s.gates {
		lns = append(lns, g.ln)
	}
	for _, ln := range lns {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// IngressAddr returns the address that the ingress called name listens on, with
// its real port where the configuration has port 0; "" if there is none.
func (s *sidecar) IngressAddr(name string) string {
	for _, g := range s.gates {
		if g.name == name {
			return addrOf(g.ln)
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
	for _, g := range s.gates {
		s.log.Info("listening", "what", "ingress", "listener", g.name, "address", addrOf(g.ln), "upstream", g.plan.settings.Upstream.String())
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
	for _, g := range s.gates {
		g.stop()
	}
	return err
}

// leave tells clients and Kubernetes that the pod is going, and serves on. A
// sidecar gets SIGTERM only when the application has ended: too late to send
// anybody elsewhere. What is idle is closed a little before drainDelay is over,
// when an application that waits for as long has not ended yet.
func (s *sidecar) leave() {
	delay := s.config().DrainDelay
	s.left = time.Now()
	s.draining.Store(true)
	s.log.Info("leaving: clients are asked to come again elsewhere", "idleSeconds", (delay * 4 / 5).Seconds())
	for _, g := range s.gates {
		g.ingress.Leave(delay * 4 / 5)
	}
}

// drain ends every gate without losing a request, as far as drainTimeout allows.
// Time in which clients could leave already does not have to pass again.
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
	var group errgroup.Group
	for _, g := range s.gates {
		group.Go(func() error {
			if err := g.ingress.Drain(ctx, delay); err != nil {
				return fmt.Errorf("ingress %q: requests were cut off after drainTimeout (%v): %w", g.name, cfg.DrainTimeout, err)
			}
			return nil
		})
	}
	err := group.Wait()
	s.log.Info("drained", "seconds", time.Since(start).Seconds())
	return err
}

// config returns the configuration in use.
func (s *sidecar) config() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

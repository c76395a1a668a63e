package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy/admin"
)

// newRegistry returns a registry with what every process tells about itself.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "sidegate_build_info",
		Help:        "Always 1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"version": buildVersion(), "goversion": runtime.Version()},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// serveEndpoints serves probes and metrics to machines and the status page to
// people until ctx is done.
func (s *sidecar) serveEndpoints(ctx context.Context, group *errgroup.Group) {
	probe := admin.Probe{Started: s.serving.Load, Ready: s.ready, Metrics: s.registry}
	serve := func(what string, ln net.Listener, h http.Handler) {
		if ln == nil {
			return
		}
		s.log.Info("listening", "what", what, "address", addrOf(ln))
		group.Go(func() error { return serveHTTP(ctx, what, ln, h) })
	}
	serve("health", s.health, admin.NewHealth(probe))
	serve("admin", s.admin, admin.NewStatus(s.snapshot))
}

// serveHTTP serves h until ctx is done. A probe that is being answered then is
// cut off: nobody acts on it any more.
func serveHTTP(ctx context.Context, what string, ln net.Listener, h http.Handler) error {
	server := admin.NewServer(h)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", what, err)
	}
	return nil
}

// ready reports why no new connections should be sent here, or nil. A broken
// Secret or configuration alone is no reason: the last good one serves.
func (s *sidecar) ready() error {
	switch {
	case !s.serving.Load():
		return errors.New("not serving yet")
	case s.draining.Load():
		return errors.New("draining")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gates {
		leaf := g.store.Current().Certificate.Leaf
		if time.Now().After(leaf.NotAfter) {
			return fmt.Errorf("ingress %q: the served certificate expired on %s", g.name, leaf.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// snapshot returns what the status page shows.
func (s *sidecar) snapshot() admin.Snapshot {
	notReady, open := s.ready(), s.connections()
	s.mu.Lock()
	defer s.mu.Unlock()
	shot := admin.Snapshot{
		Version:      buildVersion(),
		GoVersion:    runtime.Version(),
		Started:      s.started,
		Now:          time.Now(),
		ConfigFile:   s.options.ConfigFile,
		ConfigLoaded: s.loaded,
		ConfigFault:  s.fault,
		Draining:     s.draining.Load(),
		NotReady:     notReady,
	}
	for _, g := range s.gates {
		shot.Ingress = append(shot.Ingress, g.status(open[g.name]))
	}
	return shot
}

// connections returns how many are open at each ingress, as the metrics say.
func (s *sidecar) connections() map[string]int {
	open := map[string]int{}
	families, _ := s.registry.Gather() // what could be gathered, whatever the error
	for _, f := range families {
		if f.GetName() != "sidegate_connections" {
			continue
		}
		for _, m := range f.GetMetric() {
			open[m.GetLabel()[0].GetValue()] = int(m.GetGauge().GetValue()) // its one label is the listener
		}
	}
	return open
}

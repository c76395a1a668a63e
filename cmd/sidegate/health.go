package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy/admin"
)

// serveEndpoints serves probes and metrics to machines and the status page to
// people until ctx is done.
func (s *sidecar) serveEndpoints(ctx context.Context, group *errgroup.Group) {
	serve := func(what string, ln net.Listener, h http.Handler) {
		if ln == nil {
			return
		}
		s.log.Info("listening", "what", what, "address", addrOf(ln))
		group.Go(func() error { return serveHTTP(ctx, what, ln, h) })
	}
	serve("health", s.health, admin.NewHealth(s.probe))
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
// Secret or configuration alone is no reason: the last good one serves. Nor is
// a gate that lets nobody in, because it is to go. Calls that cannot be made are
// none either: requests must go on coming in.
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
		if !g.withdrawn && time.Now().After(leaf.NotAfter) {
			return fmt.Errorf("ingress %q: the served certificate expired on %s", g.name, leaf.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// snapshot returns what the status page shows.
func (s *sidecar) snapshot() admin.Snapshot {
	notReady := s.ready()
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
		shot.Ingress = append(shot.Ingress, g.status())
	}
	for _, o := range s.outlets {
		shot.Egress = append(shot.Egress, o.status())
	}
	return shot
}

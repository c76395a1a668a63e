package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// A gate is one ingress with its listener and the certificates that it serves.
type gate struct {
	name    string          // in logs and metrics, for as long as it listens
	bound   *config.Ingress // as it was when the listener was bound
	ln      net.Listener
	ingress *proxy.Ingress
	log     logr.Logger

	// Replaced by a reload, under the mutex of the sidecar.
	cfg       *config.Ingress
	plan      plan
	store     *certs.Store
	withdrawn bool // the configuration has no ingress for it, and it lets nobody in

	stop func() // ends what follow began and waits for it
}

// newGate returns the gate of cfg, not listening yet. It waits for certificates
// as long as wait says.
func newGate(ctx context.Context, cfg *config.Ingress, p plan, wait time.Duration, m *proxy.Metrics, log logr.Logger) (*gate, error) {
	g := &gate{name: cfg.Name, bound: cfg, log: log.WithValues("listener", cfg.Name), cfg: cfg, plan: p, stop: func() {}}
	var err error
	if g.store, err = certs.OpenWait(ctx, p.files, g.storeOptions(p), wait); err != nil {
		return nil, certificateErrors(g.name, err)
	}
	if g.ingress, err = proxy.NewIngress(g.name, g.store.Current(), p.settings, m, log); err != nil {
		return nil, misuse(err)
	}
	m.Watch(g.name, g.store)
	return g, nil
}

func (g *gate) storeOptions(p plan) certs.Options {
	return certs.Options{Usage: p.usage, Changed: g.serveBundle, Log: g.log}
}

// serveBundle puts a new Bundle in use. A store never has one without a
// certificate, so that the ingress has no reason to refuse it.
func (g *gate) serveBundle(b *certs.Bundle) {
	if err := g.ingress.SetBundle(b); err != nil {
		g.log.Error(err, "new certificates cannot be served")
	}
}

// follow lets the store notice changes until ctx is done or g.stop is called.
func (g *gate) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	store, done := g.store, make(chan struct{})
	go func() {
		defer close(done)
		_ = store.Run(ctx) // always nil
	}()
	g.stop = func() {
		cancel()
		<-done
	}
}

// certificateErrors returns every fault of err with the ingress that it
// concerns and the way to mend it. Files that cannot be used are a
// misconfiguration; an end of the wait for them by a signal is not.
func certificateErrors(ingress string, err error) error {
	faults := certs.Faults(err)
	if len(faults) == 0 || errors.Is(err, context.Canceled) {
		return fmt.Errorf("ingress %q: %w", ingress, err)
	}
	var all []error
	for _, f := range faults {
		where := fmt.Sprintf("ingress %q: ", ingress)
		if key, ok := keyOf[f.Field]; ok {
			where += key + ": "
		}
		all = append(all, fmt.Errorf("%s%w; %s", where, f, f.Fix))
	}
	return misuse(errors.Join(all...))
}

// keyOf maps the fields of [certs.Files] to the keys of the configuration that
// set them.
var keyOf = map[string]string{
	certs.FieldCertificate: "certificate",
	certs.FieldKey:         "key",
	certs.FieldCA:          "clientCA",
}

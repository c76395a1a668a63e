package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// A gate is one ingress with its listener and the certificates that it serves.
type gate struct {
	*keeper
	bound   *config.Ingress // as it was when the listener was bound
	ingress *proxy.Ingress

	// Replaced by a reload, under the mutex of the sidecar.
	cfg  *config.Ingress
	plan plan
}

// newGate returns the gate of cfg, not listening yet. It waits for certificates
// as long as wait says.
func newGate(ctx context.Context, cfg *config.Ingress, p plan, wait time.Duration, m *proxy.Metrics, log logr.Logger) (*gate, error) {
	k := &keeper{kind: "ingress", shut: "nobody is let in", name: cfg.Name, keys: ingressKeys, log: log.WithValues("listener", cfg.Name)}
	if err := k.open(ctx, p.source, wait); err != nil {
		return nil, err
	}
	ingress, err := proxy.NewIngress(k.name, k.store.Current(), p.settings, m, log)
	if err != nil {
		return nil, misuse(err)
	}
	k.use = ingress.SetBundle
	m.Watch(k.name, k.store)
	return &gate{keeper: k, bound: cfg, ingress: ingress, cfg: cfg, plan: p}, nil
}

// become prepares the gate to go on as in, or to let nobody in if that is nil.
func (g *gate) become(in *config.Ingress, log config.Log) (change, error) {
	withdrawn := in == nil
	if withdrawn {
		in = shut(g.cfg)
	}
	p := planOf(in, log)
	c := change{
		keeper: g.keeper, source: p.source, withdrawn: withdrawn,
		settings:  func() error { return g.ingress.SetSettings(p.settings) },
		configure: func(b *certs.Bundle) error { return g.ingress.Configure(b, p.settings) },
		note:      func() { g.cfg, g.plan = in, p },
	}
	if err := p.settings.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", called(g.kind, in.Name), err)
	}
	return c, c.openStore(in.Name)
}

// shut returns in as an ingress that lets nobody in.
func shut(in *config.Ingress) *config.Ingress {
	closed := *in
	closed.Allow, closed.Deny, closed.Report, closed.Policy = nil, nil, false, nil
	return &closed
}

package main

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// An outlet is one egress with its listener and the certificates that it calls
// with: what a gate is to an ingress.
type outlet struct {
	*keeper
	bound  *config.Egress // as it was when the listener was bound
	egress *proxy.Egress

	// Replaced by a reload, under the mutex of the sidecar.
	cfg  *config.Egress
	plan egressPlan
}

// newOutlet returns the outlet of cfg, not listening yet. It waits for certificates
// as long as wait says.
func newOutlet(ctx context.Context, cfg *config.Egress, p egressPlan, wait time.Duration, m *proxy.Metrics, log logr.Logger) (*outlet, error) {
	k := &keeper{kind: "egress", shut: "it calls nobody", name: cfg.Name, keys: egressKeys, log: log.WithValues("listener", cfg.Name)}
	if err := k.open(ctx, p.source, wait); err != nil {
		return nil, err
	}
	egress, err := proxy.NewEgress(k.name, k.store.Current(), p.settings, m, log)
	if err != nil {
		return nil, misuse(err)
	}
	k.use = egress.SetBundle
	m.Watch(k.name, k.store)
	return &outlet{keeper: k, bound: cfg, egress: egress, cfg: cfg, plan: p}, nil
}

// become prepares the outlet to go on as out, or to call nobody if that is nil.
func (o *outlet) become(out *config.Egress, log config.Log) (change, error) {
	withdrawn := out == nil
	if withdrawn {
		out = o.cfg
	}
	p := egressPlanOf(out, log)
	p.settings.Withdrawn = withdrawn
	c := change{
		keeper: o.keeper, source: p.source, withdrawn: withdrawn,
		settings: func() error {
			if reflect.DeepEqual(p.settings, o.plan.settings) {
				return nil // connections to the partner are not given up for a change elsewhere
			}
			return o.egress.SetSettings(p.settings)
		},
		configure: func(b *certs.Bundle) error { return o.egress.Configure(b, p.settings) },
		note:      func() { o.cfg, o.plan = out, p },
	}
	if err := p.settings.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", called(o.kind, out.Name), err)
	}
	return c, c.openStore(out.Name)
}

// An egressPlan is one egress of the configuration in the terms of the packages
// that carry it out.
type egressPlan struct {
	source
	settings *proxy.EgressSettings
}

// egressPlanOf translates a validated egress. Whatever may be configured has to
// arrive in the plan; a test walks through all fields to see that it does.
func egressPlanOf(out *config.Egress, log config.Log) egressPlan {
	return egressPlan{
		source: source{files: certs.Files{Certificate: out.Certificate, Key: out.Key, CA: out.ServerCA}, usage: certs.ServerAuth},
		settings: &proxy.EgressSettings{
			Upstream:         &url.URL{Scheme: "https", Host: out.Upstream.Authority()},
			ServerName:       out.ExpectedName(),
			ServerSubject:    out.Subjects(),
			ServerSPKISHA256: out.Pins(),
			AllowPaths:       out.AllowPaths,
			HTTP2:            out.HTTP2,
			WebSocket:        out.WebSocket,
			MinTLSVersion:    uint16(out.MinTLSVersion),
			ConnectTimeout:   out.ConnectTimeout,
			UpstreamTimeout:  out.UpstreamTimeout,
			LogRequests:      log.Requests,
		},
	}
}

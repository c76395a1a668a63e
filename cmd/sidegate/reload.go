package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// A reload remembers which contents of the configuration file were looked at.
type reload struct {
	used    [sha256.Size]byte // digest of the content in use; zero until the first look
	refused [sha256.Size]byte // digest of the content refused last; zero if none stands
}

// followConfig takes changes of the configuration file into use until ctx is
// done. A ConfigMap is replaced as a Secret is, so it is watched the same way.
func (s *sidecar) followConfig(ctx context.Context) error {
	polling := func(on bool) {
		s.log.V(1).Info("watching the configuration file", "file", s.options.ConfigFile, "polling", on)
	}
	return certs.Watch(ctx, []string{s.options.ConfigFile}, 0, polling, func() { s.look(ctx) })
}

// look reads the configuration file and does what it asks for. Content that
// was refused is tried again each time: the certificates that it names may have
// been mended meanwhile.
func (s *sidecar) look(ctx context.Context) {
	data, err := config.Read(s.options.ConfigFile)
	sum := sha256.Sum256(data)
	if err == nil && sum == s.reload.used {
		s.settle()
		return
	}
	var next *config.Config
	if err == nil {
		next, err = config.Parse(s.options.ConfigFile, data)
	}
	if err == nil && reflect.DeepEqual(next, s.config()) {
		s.reload.used = sum // other comments, or the first look after the start
		s.settle()
		return
	}
	if err == nil {
		err = s.apply(ctx, next)
	}
	if err != nil {
		s.refuse(sum, err)
		return
	}
	s.use(sum, next)
}

// A change is what a new configuration makes of one gate: prepared, and not yet
// in use.
type change struct {
	gate      *gate
	cfg       *config.Ingress
	plan      plan
	store     *certs.Store // nil: the gate keeps the one it has
	withdrawn bool
}

// apply takes over everything of next that needs no restart, or, if any of it
// cannot be used, nothing at all.
func (s *sidecar) apply(ctx context.Context, next *config.Config) error {
	changes, err := s.prepare(next)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := s.commit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// prepare builds and checks what next makes of every gate. An ingress that is
// new waits for the restart; a gate whose ingress is not there any more does
// not, for what nobody asks for must not be let in.
func (s *sidecar) prepare(next *config.Config) ([]change, error) {
	changes, errs := make([]change, len(s.gates)), make([]error, len(s.gates))
	for i, in := range config.Successors(s.initial, next) {
		g, withdrawn := s.gates[i], in == nil
		if withdrawn {
			in = shut(g.cfg)
		}
		changes[i], errs[i] = changeOf(g, in, planOf(in, next.Log))
		changes[i].withdrawn = withdrawn
	}
	return changes, errors.Join(errs...)
}

// shut returns in as an ingress that lets nobody in.
func shut(in *config.Ingress) *config.Ingress {
	closed := *in
	closed.Allow, closed.Policy = nil, nil
	return &closed
}

// changeOf prepares to make in of the gate. What is wrong is told under the name
// that in has in the document, which may not be that of the gate.
func changeOf(g *gate, in *config.Ingress, p plan) (change, error) {
	c := change{gate: g, cfg: in, plan: p}
	if err := p.settings.Check(); err != nil {
		return c, fmt.Errorf("ingress %q: %w", in.Name, err)
	}
	if p.sameCertificates(g.plan) {
		return c, nil
	}
	var err error
	if c.store, err = certs.Open(p.files, g.storeOptions(p)); err != nil {
		return c, certificateErrors(in.Name, err)
	}
	return c, nil
}

// commit puts a change in use. It was checked, so there is nothing left that
// its ingress could refuse.
func (s *sidecar) commit(ctx context.Context, c change) error {
	g := c.gate
	if c.store == nil {
		if err := g.ingress.SetSettings(c.plan.settings); err != nil {
			return err
		}
	} else {
		g.stop() // first, or a last swap of the old store could undo this one
		if err := g.ingress.Configure(c.store.Current(), c.plan.settings); err != nil {
			return err
		}
		s.metrics.Watch(g.name, c.store)
	}
	s.mu.Lock()
	before := g.withdrawn
	g.cfg, g.plan, g.withdrawn = c.cfg, c.plan, c.withdrawn
	if c.store != nil {
		g.store = c.store
	}
	s.mu.Unlock()
	if c.store != nil {
		g.follow(ctx)
	}
	g.tellWithdrawn(before)
	return nil
}

// tellWithdrawn logs that the gate is withdrawn, or not any more, if that is new.
func (g *gate) tellWithdrawn(before bool) {
	switch {
	case g.withdrawn && !before:
		g.log.Error(nil, "ingress is not in the configuration any more: nobody is let in until it is back, or a restart closes its address",
			"address", addrOf(g.ln))
	case before && !g.withdrawn:
		g.log.Info("ingress is back in the configuration", "address", addrOf(g.ln))
	}
}

// use notes that next is in use.
func (s *sidecar) use(sum [sha256.Size]byte, next *config.Config) {
	s.reload = reload{used: sum}
	s.mu.Lock()
	s.cfg, s.loaded, s.fault = next, time.Now(), nil
	s.mu.Unlock()
	s.configMetrics.Fault.Set(0)
	if s.options.LogChanged != nil {
		s.options.LogChanged(next.Log)
	}
	s.configMetrics.Reloads.Inc()
	s.log.Info("configuration replaced", "file", s.options.ConfigFile)
	for _, what := range config.NeedsRestart(s.initial, next) {
		s.log.Info("needs a restart", "file", s.options.ConfigFile, "change", what)
	}
	logWarnings(s.log, next)
}

// refuse keeps the configuration in use. The same content is counted once, the
// same fault of the same content logged once.
func (s *sidecar) refuse(sum [sha256.Size]byte, err error) {
	s.mu.Lock()
	known := sum == s.reload.refused && s.fault != nil
	same := known && s.fault.Error() == err.Error()
	s.fault = err
	s.mu.Unlock()
	s.reload.refused = sum
	s.configMetrics.Fault.Set(1)
	if !known {
		s.configMetrics.Failures.Inc()
	}
	if !same {
		s.log.Error(nil, "configuration cannot be used, keeping the one in use",
			"file", s.options.ConfigFile, "faults", strings.Split(err.Error(), "\n"))
	}
}

// settle ends a fault: the file is back to what is in use.
func (s *sidecar) settle() {
	s.mu.Lock()
	faulty := s.fault != nil
	s.fault = nil
	s.mu.Unlock()
	s.reload.refused = [sha256.Size]byte{}
	s.configMetrics.Fault.Set(0)
	if faulty {
		s.log.Info("the configuration file is back to what is in use", "file", s.options.ConfigFile)
	}
}

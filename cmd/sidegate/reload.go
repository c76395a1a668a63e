package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy"
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
	data, err := readConfig(s.options.ConfigFile)
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

// readConfig returns what is in the file, and of one that is far too large for
// a configuration only enough for [config.Parse] to say so.
func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	const limit = 2 << 20
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// A change is what a new configuration makes of one gate: prepared, and not yet
// in use.
type change struct {
	gate  *gate
	cfg   *config.Ingress
	plan  plan
	store *certs.Store // nil: the gate keeps the one it has
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
// new, or not there any more, waits for the restart.
func (s *sidecar) prepare(next *config.Config) ([]change, error) {
	var changes []change
	var errs []error
	for _, g := range s.gates {
		for i := range next.Ingress {
			if in := &next.Ingress[i]; in.Name == g.name {
				c, err := s.changeOf(g, in, planOf(in, next.Log))
				changes, errs = append(changes, c), append(errs, err)
			}
		}
	}
	return changes, errors.Join(errs...)
}

func (s *sidecar) changeOf(g *gate, in *config.Ingress, p plan) (change, error) {
	c := change{gate: g, cfg: in, plan: p}
	bundle := g.store.Current()
	if !p.sameCertificates(g.plan) {
		var err error
		if c.store, err = certs.Open(p.files, g.storeOptions(p)); err != nil {
			return c, certificateErrors(g.name, err)
		}
		bundle = c.store.Current()
	}
	// The rehearsal: an ingress that never serves accepts exactly what the one
	// that does will accept.
	_, err := proxy.NewIngress(g.name, bundle, p.settings, s.metrics, g.log)
	return c, err
}

// commit puts a change in use. It was rehearsed, so there is nothing left that
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
	g.cfg, g.plan = c.cfg, c.plan
	if c.store != nil {
		g.store = c.store
	}
	s.mu.Unlock()
	if c.store != nil {
		g.follow(ctx)
	}
	return nil
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

// settle ends a fault: the file says again what is in use.
func (s *sidecar) settle() {
	s.mu.Lock()
	faulty := s.fault != nil
	s.fault = nil
	s.mu.Unlock()
	s.reload.refused = [sha256.Size]byte{}
	s.configMetrics.Fault.Set(0)
	if faulty {
		s.log.Info("the configuration file says again what is in use", "file", s.options.ConfigFile)
	}
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
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

// A change is what a new configuration makes of one gate or outlet: prepared, and
// not yet in use.
type change struct {
	keeper    *keeper
	source    source
	store     *certs.Store // nil: the keeper keeps the one it has
	withdrawn bool

	settings  func() error              // puts the settings in use, with the Bundle there is
	configure func(*certs.Bundle) error // puts both in use
	note      func()                    // notes what is in use; the mutex of the sidecar is held
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

// prepare builds and checks what next makes of every gate and outlet. A listener
// that is new waits for the restart; one that is not there any more does not, for
// what nobody asks for must not be let through.
func (s *sidecar) prepare(next *config.Config) ([]change, error) {
	var changes []change
	var errs []error
	add := func(c change, err error) {
		changes, errs = append(changes, c), append(errs, err)
	}
	ins, outs := config.Successors(s.initial, next)
	for i, g := range s.gates {
		add(g.become(ins[i], next.Log))
	}
	for i, o := range s.outlets {
		add(o.become(outs[i], next.Log))
	}
	return changes, errors.Join(errs...)
}

// openStore opens a store for the change if it is about other certificates than
// those in use. What is wrong is told under the name that the listener has in the
// document.
func (c *change) openStore(name string) (err error) {
	k := c.keeper
	if c.source.same(k.source) {
		return nil
	}
	if c.store, err = certs.Open(c.source.files, k.options(c.source)); err != nil {
		return certificateErrors(called(k.kind, name), k.keys, err)
	}
	return nil
}

// commit puts a change in use. It was checked, so there is nothing left that
// could be refused.
func (s *sidecar) commit(ctx context.Context, c change) error {
	k := c.keeper
	if c.store == nil {
		if err := c.settings(); err != nil {
			return err
		}
	} else {
		k.stop() // first, or a last swap of the old store could undo this one
		if err := c.configure(c.store.Current()); err != nil {
			return err
		}
		s.metrics.Watch(k.name, c.store)
	}
	s.mu.Lock()
	before := k.withdrawn
	k.source, k.withdrawn = c.source, c.withdrawn
	if c.store != nil {
		k.store = c.store
	}
	c.note()
	s.mu.Unlock()
	if c.store != nil {
		k.follow(ctx)
	}
	k.tellWithdrawn(before)
	return nil
}

// tellWithdrawn logs that nothing is let through, or something again, if that is new.
func (k *keeper) tellWithdrawn(before bool) {
	switch {
	case k.withdrawn && !before:
		k.log.Error(nil, k.kind+" is not in the configuration any more: "+k.shut+" until it is back, or a restart closes its address",
			"address", addrOf(k.ln))
	case before && !k.withdrawn:
		k.log.Info(k.kind+" is back in the configuration", "address", addrOf(k.ln))
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

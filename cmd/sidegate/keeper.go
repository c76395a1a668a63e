package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/certs"
)

// A source says which files prove who is who at a listener, and for what peers
// have to be good.
type source struct {
	files     certs.Files
	usage     certs.Usage
	crlPolicy certs.CRLPolicy
	crlGrace  time.Duration
}

// same reports whether s and o read the same files for the same purpose, so that
// one store can serve both.
func (s source) same(o source) bool { return reflect.DeepEqual(s, o) }

// A keeper is what a gate and an outlet have in common: a listener, and
// certificates that it keeps fresh. Two that read the same directory have a store
// each.
type keeper struct {
	kind string // "ingress" or "egress"
	shut string // what holds while it is withdrawn
	name string // in logs and metrics, for as long as it listens
	keys fieldKeys
	log  logr.Logger
	ln   net.Listener
	use  func(*certs.Bundle) error // puts a Bundle in use

	source source // of the one goroutine that follows the configuration

	// Replaced by a reload, under the mutex of the sidecar.
	store     *certs.Store
	withdrawn bool // the configuration has nothing for it, and it lets nothing through

	stop func() // ends what follow began and waits for it
}

// open reads the files of src, and waits for them as long as wait says. k.use has
// to be set before [keeper.follow] is called.
func (k *keeper) open(ctx context.Context, src source, wait time.Duration) error {
	var err error
	if k.store, err = certs.OpenWait(ctx, src.files, k.options(src), wait); err != nil {
		return certificateErrors(called(k.kind, k.name), k.keys, err)
	}
	k.source, k.stop = src, func() {}
	return nil
}

// called returns what a listener is called in messages: its name in the document,
// which after a reload may not be the one that it goes on with.
func called(kind, name string) string { return fmt.Sprintf("%s %q", kind, name) }

// options returns those of a store for k. It takes the place of the one that k has, if
// there is one: a change of the configuration is no way back to an older revocation list.
func (k *keeper) options(src source) certs.Options {
	o := certs.Options{Usage: src.usage, CRLPolicy: src.crlPolicy, CRLGrace: src.crlGrace, Changed: k.serveBundle, Log: k.log}
	if k.store != nil {
		o.Before = k.store.Current()
	}
	return o
}

// serveBundle puts a new Bundle in use. A store never has one without a
// certificate, so that nothing has a reason to refuse it.
func (k *keeper) serveBundle(b *certs.Bundle) {
	if err := k.use(b); err != nil {
		k.log.Error(err, "new certificates cannot be served")
	}
}

// follow lets the store notice changes until ctx is done or k.stop is called.
func (k *keeper) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	store, done := k.store, make(chan struct{})
	go func() {
		defer close(done)
		_ = store.Run(ctx) // always nil
	}()
	k.stop = func() {
		cancel()
		<-done
	}
}

// certificateErrors returns every fault of err with the listener that it concerns
// and the way to mend it. Files that cannot be used are a misconfiguration; an end
// of the wait for them by a signal is not.
func certificateErrors(listener string, keys fieldKeys, err error) error {
	faults := certs.Faults(err)
	if len(faults) == 0 || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", listener, err)
	}
	var all []error
	for _, f := range faults {
		where := listener + ": "
		if key, ok := keys[f.Field]; ok {
			where += key + ": "
		}
		all = append(all, fmt.Errorf("%s%w; %s", where, f, f.Fix))
	}
	return misuse(errors.Join(all...))
}

// fieldKeys map the fields of [certs.Files] to the keys of the configuration
// that set them.
type fieldKeys map[string]string

var (
	ingressKeys = fieldKeys{certs.FieldCertificate: "certificate", certs.FieldKey: "key", certs.FieldCA: "clientCA", certs.FieldCRL: "crl"}
	egressKeys  = fieldKeys{certs.FieldCertificate: "certificate", certs.FieldKey: "key", certs.FieldCA: "serverCA"}
)

package check_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// handshake has a Go client that trusts root call a Go server at host, and
// returns what either says of it.
func handshake(t *testing.T, pair tls.Certificate, root *x509.Certificate, host string) (client, server error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	roots := x509.NewCertPool()
	roots.AddCert(root)
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(b, &tls.Config{Certificates: []tls.Certificate{pair}}).HandshakeContext(ctx)
	}()
	conn := tls.Client(a, &tls.Config{RootCAs: roots, ServerName: host})
	client = conn.HandshakeContext(ctx)
	if client == nil {
		go func() { _, _ = conn.Read(make([]byte, 1)) }() // a pipe has no buffer for the session tickets
	}
	return client, <-done
}

// says fails the test unless the Go sentence of the Finding is in err, and in
// the report as a line of its own.
func says(t *testing.T, r *check.Report, word string, err error) {
	t.Helper()
	f := found(t, r, word)
	if err == nil || len(f.PeersSay) == 0 || f.PeersSay[0].Peer != "Go" || !strings.Contains(err.Error(), f.PeersSay[0].Text) {
		t.Fatalf("Go says %v, the finding has %q", err, f.PeersSay)
	}
	if line := "    Go says: " + f.PeersSay[0].Text + "\n"; !strings.Contains(text(t, r), line) {
		t.Errorf("the report has no line %q:\n%s", line, text(t, r))
	}
}

// The "Common Problems" of the guides that partners hand out, each as Go really
// says it at the other end, and as check prints it.
func TestCommonProblems(t *testing.T) {
	w := newWorld(t)
	key, root := w.file("server.key", w.leaf.KeyPEM()), w.file("root.crt", w.root.PEM())

	t.Run("certificate signed by unknown authority, as the intermediate is missing", func(t *testing.T) {
		crt := w.file("alone.crt", w.leaf.PEM())
		client, _ := handshake(t, tls.Certificate{Certificate: [][]byte{w.leaf.Leaf.Raw}, PrivateKey: w.leaf.Key}, w.root.Leaf, "webhook.example")
		r := check.Run(check.Options{Certificate: crt, Key: key, CA: []string{root}})
		says(t, r, "missing-intermediate", client)
	})
	t.Run("certificate signed by unknown authority, as the root is another", func(t *testing.T) {
		other := ca(t, "CN=Other Root")
		client, _ := handshake(t, w.leaf.TLS(), other.Leaf, "webhook.example")
		r := check.Run(check.Options{Certificate: w.file("chain.crt", w.leaf.ChainPEM()), Key: key, CA: []string{w.file("other.crt", other.PEM())}})
		says(t, r, "wrong-root", client)
	})
	t.Run("private key does not match public key", func(t *testing.T) {
		crt, otherKey := w.file("chain.crt", w.leaf.ChainPEM()), w.file("other.key", w.issue(minica.Options{}).KeyPEM())
		_, err := tls.LoadX509KeyPair(crt, otherKey)
		says(t, check.Run(check.Options{Certificate: crt, Key: otherKey}), "key-mismatch", err)
	})
	t.Run("private key does not match public key, as the order is wrong", func(t *testing.T) {
		crt := w.file("upside-down.crt", w.issuing.PEM(), w.leaf.PEM())
		_, err := tls.LoadX509KeyPair(crt, key)
		says(t, check.Run(check.Options{Certificate: crt, Key: key}), "chain-order", err)
	})
	t.Run("certificate name mismatch", func(t *testing.T) {
		client, _ := handshake(t, w.leaf.TLS(), w.root.Leaf, "api.example")
		r := check.Run(check.Options{Certificate: w.file("chain.crt", w.leaf.ChainPEM()), Key: key, Hosts: []string{"api.example"}})
		says(t, r, "name-mismatch", client)
	})
	t.Run("certificate name mismatch, as only the Common Name matches", func(t *testing.T) {
		named := w.issue(minica.Options{DNS: []string{}})
		client, _ := handshake(t, named.TLS(), w.root.Leaf, "webhook.example")
		r := check.Run(check.Options{Certificate: w.file("cn.crt", named.ChainPEM()), Hosts: []string{"webhook.example"}})
		says(t, r, "cn-only", client)
	})
	t.Run("expired", func(t *testing.T) {
		old := w.issue(minica.Options{NotAfter: time.Now().Add(-time.Minute)})
		client, _ := handshake(t, old.TLS(), w.root.Leaf, "webhook.example")
		says(t, check.Run(check.Options{Certificate: w.file("old.crt", old.ChainPEM())}), "expired", client)
	})
	t.Run("incompatible key usage", func(t *testing.T) {
		clients := w.issue(minica.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		client, _ := handshake(t, clients.TLS(), w.root.Leaf, "webhook.example")
		says(t, check.Run(check.Options{Certificate: w.file("clients.crt", clients.ChainPEM()), Hosts: []string{"webhook.example"}}), "wrong-usage", client)
	})
	t.Run("an RSA key that is too large", func(t *testing.T) {
		// Making one takes seconds, so its number is no product of primes; Go looks
		// at the length first, and the issuer never looks.
		big := oversized(t, w)
		r := check.Run(check.Options{Paths: []string{w.file("big.crt", encode(big))}})
		client, _ := handshake(t, tls.Certificate{Certificate: [][]byte{big.Raw}, PrivateKey: rsaKey(2048)}, w.root.Leaf, "webhook.example")
		says(t, r, "oversized-key", client)
	})
}

// The bundle that --fix-bundle writes is one that the sidecar, and a TLS client
// that knows only the root, accept.
func TestBundleIsGood(t *testing.T) {
	w := newWorld(t)
	key := w.file("server.key", w.leaf.KeyPEM())
	stranger := ca(t, "CN=Stranger").Leaf
	leaf, issuing, root := w.leaf.Leaf, w.issuing.Leaf, w.root.Leaf
	for name, o := range map[string]check.Options{
		"two files":          {Certificate: w.file("a.crt", encode(leaf)), Paths: []string{w.file("i.crt", encode(issuing))}},
		"upside down":        {Certificate: w.file("b.crt", encode(root, issuing, leaf))},
		"twice":              {Certificate: w.file("c.crt", encode(leaf, issuing, leaf, issuing))},
		"with a stranger":    {Certificate: w.file("d.crt", encode(leaf, stranger, issuing, root))},
		"key in front of it": {Certificate: w.file("e.crt", w.leaf.KeyPEM(), encode(issuing, leaf))},
		"issuer in DER":      {Certificate: w.file("f.crt", encode(leaf)), Paths: []string{w.file("i.cer", issuing.Raw)}},
	} {
		if name != "key in front of it" {
			o.Key = key
		}
		r := check.Run(o)
		bundle, err := r.Bundle()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := string(encode(leaf, issuing)); string(bundle) != want {
			t.Errorf("%s: the bundle is\n%swant\n%s", name, bundle, want)
		}
		if r.Failed() {
			t.Errorf("%s: findings are left:\n%s", name, text(t, r))
		}
		opens(t, w, bundle, key)
	}
}

func opens(t *testing.T, w *world, bundle []byte, key string) {
	t.Helper()
	store, err := certs.Open(certs.Files{Certificate: w.file("out.crt", bundle), Key: key}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if warnings := store.Current().Warnings; len(warnings) > 0 {
		t.Errorf("the sidecar warns: %q", warnings)
	}
	client, server := handshake(t, *store.Current().Certificate, w.root.Leaf, "webhook.example")
	if err := errors.Join(client, server); err != nil {
		t.Error(err)
	}
}

func TestNoBundle(t *testing.T) {
	w := newWorld(t)
	other := w.issue(minica.Options{Subject: "CN=other.example"})
	for want, o := range map[string]check.Options{
		"is not among the files":      {Certificate: w.file("a.crt", encode(w.leaf.Leaf)), CA: []string{w.file("root.crt", w.root.PEM())}},
		"is that of another":          {Certificate: w.file("b.crt", w.leaf.ChainPEM()), Key: w.file("b.key", other.KeyPEM())},
		"2 certificates were found":   {Paths: []string{w.file("c.crt", w.leaf.PEM()), w.file("d.crt", other.PEM())}},
		"no certificate of a server":  {Paths: []string{w.file("e.crt", w.issuing.PEM())}},
		"no certificate of a server ": {Certificate: filepath.Join(w.dir, "nowhere")},
	} {
		if bundle, err := check.Run(o).Bundle(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%q, %v; want an error with %q", bundle, err, want)
		}
	}
}

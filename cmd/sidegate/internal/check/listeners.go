package check

import (
	"os"
	"path/filepath"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// pair reads a certificate and its key where the sidecar would. It is nil if the
// certificate cannot be read.
func (r *Report) pair(certificate, key string) *group {
	g := &group{}
	if info, err := os.Stat(certificate); err == nil && info.IsDir() {
		if key == "" {
			key = filepath.Join(certificate, privateKey)
		}
		authority := filepath.Join(certificate, "ca.crt")
		certificate = filepath.Join(certificate, certificateKey)
		if _, err := os.Stat(authority); err == nil {
			defer func() { g.add(r.load(authority)) }()
		}
	}
	f := r.load(certificate)
	if f == nil {
		return nil
	}
	g.served = f
	g.add(f)
	if key != "" {
		g.add(r.load(key))
	}
	return g
}

func (g *group) add(f *file) {
	if f != nil {
		g.files = append(g.files, f)
	}
}

// caller reads the certificate of the client that is to be tried; it is nil if
// there is none.
func (r *Report) caller(o *Options) *unit {
	if o.Client == "" {
		return nil
	}
	path := o.Client
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, certificateKey)
	}
	f := r.load(path)
	if f == nil {
		return nil
	}
	if len(f.Certificates) == 0 {
		r.add(Finding{Word: certs.CodeNoCertificate, Severity: Error, File: path, Problem: "holds no certificate", Fix: "name the certificate of the client, with its intermediates after it"})
		return nil
	}
	u := &unit{role: roleClient, leaf: f.placed()[0], spare: f.placed(), tried: true}
	r.chain(u, nil)
	r.listUnit(u)
	r.holder(u, nil)
	return u
}

// config looks at every listener of a configuration. The paths in it are read as
// they are written there.
func (r *Report) config(o *Options, client *unit) {
	for _, w := range oddities(o.Config) {
		r.add(Finding{Word: wordConfiguration, Severity: Note, Problem: w})
	}
	for i := range o.Config.Ingress {
		r.ingress(&o.Config.Ingress[i], o, client)
	}
	for i := range o.Config.Egress {
		r.egress(&o.Config.Egress[i])
	}
}

func (r *Report) ingress(in *config.Ingress, o *Options, client *unit) {
	options := certs.Options{CRLGrace: in.CRLGrace}
	if in.ClientCertificateUsage == config.ClientOrServer {
		options.Usage = certs.ClientOrServer
	}
	if in.CRLPolicy == config.CRLStrict {
		options.CRLPolicy = certs.CRLStrict
	}
	files := certs.Files{CA: in.ClientCA, CRL: in.CRL}
	var peers *trust
	if len(o.CA) > 0 {
		peers = r.peers(o.CA)
	}
	r.listener(in.Name, roleServer, r.pair(in.Certificate, in.Key), peers, o.Hosts)
	t := r.authorities(in.Name, files, options)
	if client != nil {
		r.client(client, in.Name, t, in.Policy)
	}
	r.later = append(r.later, func() { r.rules(in.Name, in.Policy, t) })
	files.Certificate, files.Key = in.Certificate, in.Key
	r.opened(in.Name, files, options)
}

// egress looks at a way out: our certificate is a client's there.
func (r *Report) egress(e *config.Egress) {
	r.listener(e.Name, roleClient, r.pair(e.Certificate, e.Key), nil, nil)
	options := certs.Options{Usage: certs.ServerAuth}
	r.authorities(e.Name, certs.Files{CA: e.ServerCA}, options)
	r.opened(e.Name, certs.Files{Certificate: e.Certificate, Key: e.Key, CA: e.ServerCA}, options)
}

// listener judges the certificate that one listener presents.
func (r *Report) listener(name, role string, g *group, peers *trust, hosts []string) {
	if g == nil {
		return
	}
	for _, u := range r.unitsOf(g, name) {
		u.role = role
		r.judge(u, peers, hosts)
		r.units = append(r.units, u)
	}
}

// opened asks the sidecar's own reading for what was not found yet: whatever it
// refuses has to be here.
func (r *Report) opened(name string, files certs.Files, o certs.Options) {
	store, err := certs.Open(files, o)
	if err != nil {
		r.faults(name, certs.Faults(err))
		return
	}
	r.stray(name, store.Current())
}

// stray warns of a key in the certificate's file where another file has the key.
// Of what else is odd there are findings of this package's own.
func (r *Report) stray(listener string, b *certs.Bundle) {
	for _, o := range b.Oddities {
		if o.Code == certs.CodeStrayKey && !r.knows(o.Code, o.File) {
			r.add(Finding{Word: o.Code, Severity: Warning, Listener: listener, File: o.File, Problem: o.Problem, Fix: oddityFixes[o.Code]})
		}
	}
}

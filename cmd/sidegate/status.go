package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// status returns what the status page shows of the gate. The mutex of the
// sidecar must be held.
func (g *gate) status() admin.Ingress {
	certificates := g.store.Status()
	shown := admin.Ingress{
		Name:        g.name,
		Listen:      addrOf(g.ln),
		Upstream:    g.cfg.Upstream.String(),
		Connections: g.ingress.Connections(),
		Withdrawn:   g.withdrawn,
		Certs:       certificates,
		Warnings:    warnings(certificates.Bundle, g.bound.NeedsRestart(g.cfg)),
		Report:      g.cfg.Report,
		CRLPolicy:   string(g.cfg.CRLPolicy),
		CRLGrace:    g.cfg.CRLGrace,
		Refusals:    g.ingress.Refusals(),
	}
	for i := range g.cfg.Allow {
		r := &g.cfg.Allow[i]
		shown.Rules = append(shown.Rules, admin.Rule{Name: r.Name, Report: r.Report, Conditions: conditions(r)})
	}
	for i := range g.cfg.Deny {
		d := &g.cfg.Deny[i]
		shown.Deny = append(shown.Deny, admin.Rule{Name: d.Name, Conditions: namings(d)})
	}
	return shown
}

// namings writes out whom d names, as conditions does for a rule.
func namings(d *config.Deny) []string {
	r := config.Rule{Subject: d.Subject, Issuer: d.Issuer, CertSHA256: d.CertSHA256, SPKISHA256: d.SPKISHA256}
	all := conditions(&r)
	if len(d.Serial) > 0 {
		all = append(all, "serial: "+strings.Join(texted(d.Serial), " or "))
	}
	return all
}

// status returns what the status page shows of the outlet. The mutex of the
// sidecar must be held.
func (o *outlet) status() admin.Egress {
	certificates := o.store.Status()
	return admin.Egress{
		Name:        o.name,
		Listen:      addrOf(o.ln),
		Upstream:    o.cfg.Upstream.String(),
		Connections: o.egress.Connections(),
		Withdrawn:   o.withdrawn,
		Certs:       certificates,
		Warnings:    warnings(certificates.Bundle, o.bound.NeedsRestart(o.cfg)),
		Checks:      checks(o.cfg),
		Failures:    o.egress.Failures(),
	}
}

// warnings are those about the certificates, and the changes of the configuration
// that wait for a restart.
func warnings(b *certs.Bundle, changes []string) []string {
	all := slices.Clone(b.Warnings)
	for _, change := range changes {
		all = append(all, "needs a restart: "+change)
	}
	return all
}

// checks writes out what out asks of the server and of requests, as conditions does
// for a rule.
func checks(out *config.Egress) []string {
	all := []string{
		"serverName: " + out.ExpectedName(),
		"serverCA: " + strings.Join(out.ServerCA, " or "),
	}
	add := func(key string, values []string) {
		if len(values) > 0 {
			all = append(all, key+": "+strings.Join(values, " or "))
		}
	}
	add("serverSubject", texted(out.Subjects()))
	add("serverSPKISHA256", texted(out.ServerSPKISHA256))
	all = append(all, "minTLSVersion: "+out.MinTLSVersion.String())
	add("allowPaths", out.AllowPaths)
	return all
}

// conditions writes out what r asks for, one condition each, with the keys of
// the configuration. Values of one condition are alternatives.
func conditions(r *config.Rule) []string {
	var all []string
	add := func(key string, values ...string) {
		if len(values) > 0 {
			all = append(all, key+": "+strings.Join(values, " or "))
		}
	}
	if r.AnyClient {
		add("anyClient", "true")
	}
	names := texted(r.Subject)
	if !r.SubjectParts.IsZero() {
		names = append(names, r.SubjectParts.String())
	}
	add("subject", names...)
	for _, a := range r.SubjectHas {
		add("subjectHas", fmt.Sprintf("%s=%s", a.Type, a.Value))
	}
	if !r.Issuer.IsZero() {
		add("issuer", r.Issuer.String())
	}
	add("san.dns", r.SAN.DNS...)
	add("san.uri", r.SAN.URI...)
	add("san.email", r.SAN.Email...)
	add("san.ip", texted(r.SAN.IP)...)
	add("spkiSHA256", texted(r.SPKISHA256)...)
	add("certSHA256", texted(r.CertSHA256)...)
	add("methods", r.Methods...)
	add("paths", r.Paths...)
	return all
}

// texted returns the texts of values.
func texted[T fmt.Stringer](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/proxy/policy"
)

// Warnings returns what is allowed and yet unlikely to be meant, one sentence
// each. It wants a Config that has been validated.
func (c *Config) Warnings() []string {
	var ws []string
	for i := range c.Ingress {
		in := &c.Ingress[i]
		for _, w := range in.warnings() {
			ws = append(ws, fmt.Sprintf("ingress %q: %s", in.Name, w))
		}
	}
	for i := range c.Egress {
		out := &c.Egress[i]
		for _, w := range out.warnings() {
			ws = append(ws, fmt.Sprintf("egress %q: %s", out.Name, w))
		}
	}
	host, _, err := net.SplitHostPort(c.Health.Listen)
	switch {
	case c.Health.Listen == "":
		ws = append(ws, "health: there is no listener, so that Kubernetes cannot tell whether the sidecar is ready and Prometheus has nothing to read")
	case err == nil && isLoopback(host):
		ws = append(ws, fmt.Sprintf("health: %q is a loopback address, where the kubelet cannot ask; write the port alone, as :9901", c.Health.Listen))
	}
	return ws
}

func (in *Ingress) warnings() []string {
	ws := in.whoIsLetIn()
	for i := range in.Allow {
		ws = append(ws, in.Allow[i].warnings()...)
	}
	for i := range in.Deny {
		ws = append(ws, in.Deny[i].warnings()...)
	}
	for _, d := range in.Policy.Dead() {
		ws = append(ws, dead(d))
	}
	if len(in.CRL) == 0 && in.CRLGrace > 0 {
		ws = append(ws, "crlGrace has no effect without crl")
	}
	if in.Upstream.Scheme == H2C && !in.OffersHTTP2() {
		ws = append(ws, "http2 is false, but the upstream is h2c: gRPC clients cannot connect")
	}
	if in.UpstreamNotLocal && in.Upstream.Local() {
		ws = append(ws, "upstreamNotLocal is set, but the upstream is local: remove it")
	} else if in.UpstreamNotLocal {
		ws = append(ws, fmt.Sprintf("identity headers travel to %s in plaintext, and whoever reaches it directly can forge them", in.Upstream.Address))
	}
	for _, p := range in.ProxyProtocol.From {
		if p.Bits() == 0 {
			ws = append(ws, fmt.Sprintf("proxyProtocol.from has %s: everybody can claim to be at any address", p))
		}
	}
	return ws
}

// whoIsLetIn warns of rules that let in nobody, or that it does not depend on.
func (in *Ingress) whoIsLetIn() []string {
	onTrial := !slices.ContainsFunc(in.Allow, func(r Rule) bool { return !r.Report })
	switch {
	case in.Report:
		return []string{"report is true: nothing is refused by allow; it is for trying rules out, set it to false when the log says that they are right"}
	case len(in.Allow) == 0:
		return []string{"allow is empty: nobody is let in"}
	case onTrial:
		return []string{"every rule of allow has report: true: nobody is let in"}
	}
	return nil
}

// dead says why a rule is dead.
func dead(d policy.Dead) string {
	if d.Rule != "" {
		return fmt.Sprintf("rule %q is never reached: rule %q before it is for the same clients, or more, and for every request; remove one, or change their order", d.Name, d.Rule)
	}
	names := make([]string, len(d.Denials))
	for i, name := range d.Denials {
		names[i] = strconv.Quote(name)
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("rule %q lets nobody in: whom it names is denied by %s; remove the rule, or what denies", d.Name, strings.Join(names, ", "))
}

func (out *Egress) warnings() []string {
	host, _, _ := net.SplitHostPort(out.Listen)
	switch {
	case out.IKnowThisIsOpen && isLoopback(host):
		return []string{"iKnowThisIsOpen is set, but only the pod itself reaches " + out.Listen + ": remove it"}
	case out.IKnowThisIsOpen:
		return []string{fmt.Sprintf("whoever reaches %s calls %s with the certificate of this pod", out.Listen, out.Upstream)}
	}
	return nil
}

func (r *Rule) warnings() []string {
	var ws []string
	if r.AnyClient && !r.Report {
		ws = append(ws, fmt.Sprintf("rule %q lets in every client whom the clientCA ever certifies", r.Name))
	}
	if r.issuerAlone() && !r.Report {
		ws = append(ws, fmt.Sprintf("rule %q lets in every client whom the CA %s ever certifies", r.Name, quote(r.Issuer.String())))
	}
	for _, name := range r.SAN.DNS {
		if strings.HasPrefix(name, "*.") {
			ws = append(ws, fmt.Sprintf("rule %q has the DNS name %q, which fits only a certificate that has this very name in it, not the names below it", r.Name, name))
		}
	}
	return ws
}

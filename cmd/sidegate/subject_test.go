package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/subject"
)

// The rules that are printed are rules, whatever is in a Subject.
func TestPrintedRulesCanBePasted(t *testing.T) {
	for _, dn := range []string{partnerDN, "CN=it's", `CN=\# a: b`, `CN=\"quoted\",O=\<x\>`, `CN=\C3\A9,C=BE`, `CN={a}[b]&*!|%@`} {
		var out bytes.Buffer
		if err := writeRules(&out, []identity{{Source: "a\n- b", Subject: dn, server: true}}); err != nil {
			t.Fatal(err)
		}
		doc := "ingress:\n- upstream: http://127.0.0.1:1\n  certificate: tls\n  clientCA: ca\n  " + strings.ReplaceAll(out.String(), "\n", "\n  ") + "\n"
		cfg, err := config.Parse("test.yaml", []byte(doc))
		if err != nil {
			t.Errorf("%s: %v\n%s", dn, err, doc)
			continue
		}
		rules := cfg.Ingress[0].Allow
		if len(rules) != 1 || len(rules[0].Subject) != 1 || rules[0].Subject[0] != must(subject.Parse(dn)) {
			t.Errorf("%s became %v", dn, rules)
		}
	}
}

// A server that wants a certificate of ours ends the handshake, with TLS 1.3
// after it and with TLS 1.2 in it.
func TestTheCertificateOfAServerIsReadThoughItRefusesUs(t *testing.T) {
	p := newPKI()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			Certificates: []tls.Certificate{p.certs["tls"].TLS()},
			ClientAuth:   tls.RequireAnyClientCert,
			MaxVersion:   version,
		})
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 1)
		go func() {
			c, err := ln.Accept()
			if err == nil {
				err = c.(*tls.Conn).HandshakeContext(t.Context())
				c.Close()
			}
			refused <- err
		}()
		found, err := bundlesIn(t.Context(), ln.Addr().String(), nil, false)
		if err != nil || len(found) != 1 || !found[0].server || !found[0].certs[0].Equal(p.certs["tls"].Leaf) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err := <-refused; err == nil {
			t.Errorf("%s: the server let us in", tls.VersionName(version))
		}
		ln.Close()
	}
}

func TestWhatPresentsNoCertificateIsNamed(t *testing.T) {
	plain := must(net.Listen("tcp", "127.0.0.1:0"))
	defer plain.Close()
	go func() {
		c, err := plain.Accept()
		if err == nil {
			_, _ = c.Write([]byte("220 not TLS\r\n"))
			c.Close()
		}
	}()
	gone := must(net.Listen("tcp", "127.0.0.1:0"))
	gone.Close()
	for _, addr := range []string{plain.Addr().String(), gone.Addr().String()} {
		if _, err := bundlesIn(t.Context(), addr, nil, false); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

package config

import (
	"math"
	"net"
	"strings"
	"time"
)

func (v *validator) checkIngresses(ins []Ingress) {
	for i := range ins {
		v.checkIngress(index("ingress", i), &ins[i])
	}
}

func (v *validator) checkIngress(at string, in *Ingress) {
	v.checkName(at+".name", in.Name)
	v.checkAddress(at+".listen", in.Listen, false)
	v.checkUpstream(at+".upstream", in)
	v.positive(at+".upstreamConnectTimeout", in.UpstreamConnectTimeout)
	v.positive(at+".upstreamTimeout", in.UpstreamTimeout)
	v.checkPair(at, in.Certificate, in.Key, "/etc/sidegate/tls")
	v.checkCAs(at+".clientCA", in.ClientCA, "nobody could be verified")
	v.oneOf(at+".clientCertificateUsage", string(in.ClientCertificateUsage), in.ClientCertificateUsage.Choices())
	v.oneOf(at+".minTLSVersion", in.MinTLSVersion.String(), in.MinTLSVersion.Choices())
	v.checkHeaders(at+".headers", in.Headers)
	for i, p := range in.ProxyProtocol.From {
		if !p.IsValid() {
			v.addf(index(at+".proxyProtocol.from", i), "is empty; write a CIDR block such as 10.0.0.0/8, or remove it")
		} else if p != p.Masked() {
			v.addf(index(at+".proxyProtocol.from", i), "%q has bits of a host; write %q for the block, or %d bits for one address", p, p.Masked(), p.Addr().BitLen())
		}
	}
	v.checkLimits(at+".limits", &in.Limits)
	v.checkRules(at+".allow", in)
	v.checkDenies(at+".deny", in.Deny)
	v.checkCRLs(at, in)
	v.upTo(at+".withdrawalGrace", in.WithdrawalGrace, 10*time.Minute)
	if in.Report && in.ClientCertificateUsage == ClientOrServer {
		v.addf(at+".report", "would let in every holder of a TLS server certificate, because of clientCertificateUsage: clientOrServer; write report: true at single rules, or use clientAuth")
	}
}

// maxCRLGrace is longer than any CA should be late.
const maxCRLGrace = 90 * 24 * time.Hour

func (v *validator) checkCRLs(at string, in *Ingress) {
	v.checkFiles(at+".crl", in.CRL, "a PEM or DER file or of a directory")
	v.oneOf(at+".crlPolicy", string(in.CRLPolicy), in.CRLPolicy.Choices())
	v.upTo(at+".crlGrace", in.CRLGrace, maxCRLGrace)
	if len(in.CRL) == 0 && in.CRLPolicy == CRLStrict {
		v.addf(at+".crlPolicy", "strict needs lists to be strict about, and there is no crl: nobody would be checked; add crl, or remove crlPolicy")
	}
	if in.CRLGrace > 0 && in.CRLPolicy == CRLStrict {
		v.addf(at+".crlGrace", "strict has no grace: a list that has expired refuses the clients of its CA; remove crlGrace, or write crlPolicy: whenAvailable")
	}
}

func (v *validator) checkUpstream(at string, in *Ingress) {
	var read Upstream
	switch u := in.Upstream; {
	case u.IsZero():
		v.addf(at, "is required; write the address of the application, such as http://127.0.0.1:8080")
	case read.UnmarshalText([]byte(u.String())) != nil || read != u:
		v.addf(at, "%s is not an address of an application; write it as http://127.0.0.1:8080", quote(u.String()))
	case !u.Local() && !in.UpstreamNotLocal:
		host, _, _ := net.SplitHostPort(u.Address)
		v.addf(at, "%s is not a loopback address, and the identity headers would travel there in plaintext; write 127.0.0.1, or set upstreamNotLocal: true if that is meant", quote(host))
	}
}

// checkFile refuses what cannot be a path. The text is not repeated when it
// may be the secret itself.
func (v *validator) checkFile(at, file string) {
	if strings.ContainsAny(file, "\x00\r\n") || strings.Contains(file, "-----BEGIN") {
		v.addf(at, "is not a path; put PEM into a file, and write the path of the file here")
	}
}

func (v *validator) checkLimits(at string, l *Limits) {
	v.positive(at+".handshakeTimeout", l.HandshakeTimeout)
	v.positive(at+".headerTimeout", l.HeaderTimeout)
	v.between(at+".headerBytes", l.HeaderBytes, 8<<10, 1<<20)
	if l.BodyBytes < 0 {
		v.addf(at+".bodyBytes", "%d is negative; write 0 for no limit", l.BodyBytes)
	}
	v.positive(at+".bodyIdleTimeout", l.BodyIdleTimeout)
	v.positive(at+".idleTimeout", l.IdleTimeout)
	v.between(at+".maxConnections", l.MaxConnections, 1, math.MaxInt32)
	v.between(at+".maxStreams", l.MaxStreams, 1, 100_000)
	v.between(at+".maxRequests", l.MaxRequests, 1, math.MaxInt32)
}

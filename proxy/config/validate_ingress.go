package config

import (
	"math"
	"net"
	"path"
	"strings"
)

// maxIngress is far above what a pod has ports for, and keeps the comparison of
// all listeners with each other cheap.
const maxIngress = 64

func (v *validator) checkIngresses(ins []Ingress) {
	if len(ins) == 0 {
		v.addf("ingress", "has no entry; write at least one listener with upstream, certificate, clientCA and allow")
	}
	names := map[string]string{}
	for i := range ins {
		at := index("ingress", i)
		v.checkIngress(at, &ins[i])
		if first, ok := names[ins[i].Name]; ok {
			v.addf(at+".name", "%s is the name of %s already; choose another", quote(ins[i].Name), first)
			continue
		}
		names[ins[i].Name] = at
	}
}

func (v *validator) checkIngress(at string, in *Ingress) {
	v.checkName(at+".name", in.Name)
	v.checkAddress(at+".listen", in.Listen, false)
	v.checkUpstream(at+".upstream", in)
	v.positive(at+".upstreamConnectTimeout", in.UpstreamConnectTimeout)
	v.positive(at+".upstreamTimeout", in.UpstreamTimeout)
	v.checkFiles(at, in)
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

// checkFiles checks the paths as texts. What the files hold is for package
// certs, which looks again whenever they change.
func (v *validator) checkFiles(at string, in *Ingress) {
	if in.Certificate == "" {
		v.addf(at+".certificate", "is required; write the directory of tls.crt and tls.key, such as /etc/sidegate/tls")
	}
	v.checkFile(at+".certificate", in.Certificate)
	v.checkFile(at+".key", in.Key)
	if in.Key != "" && path.Clean(in.Key) == path.Clean(in.Certificate) {
		v.addf(at+".key", "is the same file as certificate; remove it")
	}
	if len(in.ClientCA) == 0 {
		v.addf(at+".clientCA", "has no entry, and nobody could be verified; write the PEM file or directory of at least one CA")
	}
	seen := map[string]bool{}
	for i, file := range in.ClientCA {
		p := index(at+".clientCA", i)
		v.checkFile(p, file)
		switch {
		case file == "":
			v.addf(p, "is empty; write the path of a PEM file or directory, or remove it")
		case seen[path.Clean(file)]:
			v.addf(p, "%s is there twice; remove one", quote(file))
		}
		seen[path.Clean(file)] = true
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

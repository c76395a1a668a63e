package config

import (
	"net"
	"path"
)

func (v *validator) checkEgresses(outs []Egress) {
	for i := range outs {
		v.checkEgress(index("egress", i), &outs[i])
	}
}

func (v *validator) checkEgress(at string, out *Egress) {
	v.checkName(at+".name", out.Name)
	v.checkEgressListen(at+".listen", out)
	v.checkOrigin(at+".upstream", out.Upstream)
	if name := out.ServerName; name != "" && !isServerName(name) {
		v.addf(at+".serverName", "%s is not the name of a server; write a host name such as api.partner.example, in ASCII (xn--…), or an IP address", quote(name))
	}
	v.checkPair(at, out.Certificate, out.Key, "/etc/sidegate/client")
	v.checkCAs(at+".serverCA", out.ServerCA, "no server could be verified")
	v.checkNames(at+".serverSubject", out.ServerSubject)
	v.checkPins(at+".serverSPKISHA256", out.ServerSPKISHA256, "a key")
	for i, text := range out.AllowPaths {
		v.checkPath(index(at+".allowPaths", i), text)
	}
	v.oneOf(at+".minTLSVersion", out.MinTLSVersion.String(), out.MinTLSVersion.Choices())
	v.positive(at+".connectTimeout", out.ConnectTimeout)
	v.positive(at+".upstreamTimeout", out.UpstreamTimeout)
}

// checkEgressListen wants an address that only the pod itself can reach.
func (v *validator) checkEgressListen(at string, out *Egress) {
	v.checkAddress(at, out.Listen, false)
	host, _, err := net.SplitHostPort(out.Listen)
	if err == nil && !isLoopback(host) && !out.IKnowThisIsOpen {
		v.addf(at, "%s is not a loopback address, and whoever reaches it calls the partner as you; write 127.0.0.1:8081, or set iKnowThisIsOpen: true if that is meant", quote(out.Listen))
	}
}

func (v *validator) checkOrigin(at string, o Origin) {
	var read Origin
	switch {
	case o.IsZero():
		v.addf(at, "is required; write the address of the partner's server, such as https://api.partner.example")
	case read.UnmarshalText([]byte(o.String())) != nil || read != o:
		v.addf(at, "%s is not the address of a partner; write it as https://api.partner.example", quote(o.String()))
	}
}

// checkPair checks the paths of certificate and key as texts. What the files hold
// is for package certs, which looks again whenever they change.
func (v *validator) checkPair(at, certificate, key, example string) {
	if certificate == "" {
		v.addf(at+".certificate", "is required; write the directory of tls.crt and tls.key, such as %s", example)
	}
	v.checkFile(at+".certificate", certificate)
	v.checkFile(at+".key", key)
	if key != "" && path.Clean(key) == path.Clean(certificate) {
		v.addf(at+".key", "is the same file as certificate; remove it")
	}
}

// checkCAs checks the paths of trust anchors as texts.
func (v *validator) checkCAs(at string, files []string, without string) {
	if len(files) == 0 {
		v.addf(at, "has no entry, and %s; write the PEM file or directory of at least one CA", without)
	}
	v.checkFiles(at, files, "a PEM file or directory")
}

// checkFiles checks a list of paths as texts. what is what they are of.
func (v *validator) checkFiles(at string, files []string, what string) {
	seen := map[string]bool{}
	for i, file := range files {
		p := index(at, i)
		v.checkFile(p, file)
		switch {
		case file == "":
			v.addf(p, "is empty; write the path of %s, or remove it", what)
		case seen[path.Clean(file)]:
			v.addf(p, "%s is there twice; remove one", quote(file))
		}
		seen[path.Clean(file)] = true
	}
}

package certs

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// wanted returns the extended key usages of which a chain must have one.
func (u Usage) wanted() []x509.ExtKeyUsage {
	switch u {
	case ClientOrServer:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	case ServerAuth:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

// String returns the usage as the configuration spells it.
func (u Usage) String() string {
	switch u {
	case ClientOrServer:
		return "clientOrServer"
	case ServerAuth:
		return "serverAuth"
	}
	return "clientAuth"
}

// words are what messages call the two sides: the files and the checks are the same
// whether we are the server or the client, the way to mend them is not.
type words struct {
	peer   string // whose certificate is verified
	own    string // the certificate of the Bundle
	shown  string // what is done with it
	none   string // why the peer may have sent no certificate
	putCAs string // what belongs into a CA file
	pinOne string // how to trust one peer instead of all of its CA
	pinIt  string // the same of a certificate at hand
}

var (
	ofIngress = words{
		peer:   "client",
		own:    "the served certificate",
		shown:  "served",
		none:   "it has none configured for this server, or withholds it",
		putCAs: "put the certificates of the CAs here whose clients are to be let in",
		pinOne: "a single client is pinned by certSHA256 in a rule",
		pinIt:  "or pin it by certSHA256 in a rule",
	}
	ofEgress = words{
		peer:   "server",
		own:    "our client certificate",
		shown:  "presented",
		none:   "every TLS server has to (RFC 8446 §4.4.2)",
		putCAs: "put the certificates of the CAs here whose servers may be called",
		pinOne: "a single server is pinned by serverSPKISHA256 beside it",
		pinIt:  "and pin its key by serverSPKISHA256 if no other server of that issuer may pass",
	}
)

// words returns those for peers that must be good for u.
func (u Usage) words() *words {
	if u == ServerAuth {
		return &ofEgress
	}
	return &ofIngress
}

// allows reports whether the extended key usage of c permits usage. Without
// the extension everything is permitted.
func allows(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, usage) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// nested returns which of the usages are left below c.
func nested(usages []x509.ExtKeyUsage, c *x509.Certificate) []x509.ExtKeyUsage {
	var left []x509.ExtKeyUsage
	for _, u := range usages {
		if allows(c, u) {
			left = append(left, u)
		}
	}
	return left
}

// narrowest walks a chain from its anchor down and returns the certificate at
// which none of usages is left, or nil if some are at the end.
func narrowest(chain []*x509.Certificate, usages []x509.ExtKeyUsage) *x509.Certificate {
	for _, c := range slices.Backward(chain) {
		if usages = nested(usages, c); len(usages) == 0 {
			return c
		}
	}
	return nil
}

// usagesOf names the extended key usages of c.
func usagesOf(c *x509.Certificate) string {
	var names []string
	for _, u := range c.ExtKeyUsage {
		names = append(names, usageName(u))
	}
	for _, oid := range c.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return shorten(strings.Join(names, " and "))
}

func usageName(u x509.ExtKeyUsage) string {
	switch u {
	case x509.ExtKeyUsageAny:
		return "anyExtendedKeyUsage"
	case x509.ExtKeyUsageServerAuth:
		return "serverAuth"
	case x509.ExtKeyUsageClientAuth:
		return "clientAuth"
	case x509.ExtKeyUsageCodeSigning:
		return "codeSigning"
	case x509.ExtKeyUsageEmailProtection:
		return "emailProtection"
	case x509.ExtKeyUsageTimeStamping:
		return "timeStamping"
	case x509.ExtKeyUsageOCSPSigning:
		return "OCSPSigning"
	}
	return fmt.Sprintf("extended key usage %d", int(u))
}

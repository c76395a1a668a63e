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

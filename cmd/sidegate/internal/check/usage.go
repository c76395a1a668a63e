package check

import (
	"crypto/x509"
	"slices"
)

// allows reports whether the extended key usage of c permits usage as Go reads
// it: without the extension everything is permitted.
func allows(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, usage) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// usageNames are those that certificates of servers and clients come with.
var usageNames = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageAny:             "anyExtendedKeyUsage",
	x509.ExtKeyUsageServerAuth:      "serverAuth",
	x509.ExtKeyUsageClientAuth:      "clientAuth",
	x509.ExtKeyUsageCodeSigning:     "codeSigning",
	x509.ExtKeyUsageEmailProtection: "emailProtection",
	x509.ExtKeyUsageTimeStamping:    "timeStamping",
	x509.ExtKeyUsageOCSPSigning:     "OCSPSigning",
}

// usagesOf names the extended key usages of c.
func usagesOf(c *x509.Certificate) []string {
	names := []string{}
	for _, u := range c.ExtKeyUsage {
		if name, ok := usageNames[u]; ok {
			names = append(names, name)
		} else {
			names = append(names, "another usage")
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return names[:min(len(names), maxNames)]
}

package check

import "github.com/sidegate/sidegate/proxy/certs"

// sayings are the sentences in which the other end, or a program that loads the
// files, complains. Tests have Go say them, and OpenSSL where it is installed.
var sayings = map[string][]Saying{
	certs.CodeKeyMismatch: {
		{"Go", "tls: private key does not match public key"},
		{"OpenSSL", "key values mismatch"},
	},
	certs.CodeExpired: {
		{"Go", "x509: certificate has expired or is not yet valid"},
		{"OpenSSL", "certificate has expired"},
	},
	certs.CodeNotYetValid: {
		{"Go", "x509: certificate has expired or is not yet valid"},
		{"OpenSSL", "certificate is not yet valid"},
	},
	certs.CodeChainOrder: {
		{"Go", "tls: private key does not match public key"},
	},
	certs.ReasonUnknownCA: {
		{"Go", "x509: certificate signed by unknown authority"},
		{"OpenSSL", "unable to get local issuer certificate"},
	},
	wordMissingIntermediate: {
		{"Go", "x509: certificate signed by unknown authority"},
		{"OpenSSL", "unable to get local issuer certificate"},
	},
	wordWrongRoot: {
		{"Go", "x509: certificate signed by unknown authority"},
		{"OpenSSL", "unable to get local issuer certificate"},
	},
	wordSelfSigned: {
		{"Go", "x509: certificate signed by unknown authority"},
		{"OpenSSL", "self-signed certificate"},
	},
	certs.ReasonWrongUsage: {
		{"Go", "x509: certificate specifies an incompatible key usage"},
		{"OpenSSL", "unsuitable certificate purpose"},
	},
	wordAnyUsage:     {{"OpenSSL", "unsuitable certificate purpose"}},
	wordLeafKeyUsage: {{"OpenSSL", "unsuitable certificate purpose"}},
	certs.ReasonWeakSignature: {
		{"Go", "x509: certificate signed by unknown authority (possibly because of \"x509: cannot verify signature: insecure algorithm SHA1-RSA\")"},
	},
	wordCriticalExtension: {
		{"Go", "x509: unhandled critical extension"},
		{"OpenSSL", "unhandled critical extension"},
	},
	wordPartialChain: {{"OpenSSL", "unable to get issuer certificate"}},
}

package probe

// An explanation is what a reason word of Sidegate tells its client.
type explanation struct {
	means string
	do    string
	us    bool // it is about the client and not about this request
}

// sidegateWords are the reason words with which Sidegate refuses a client that
// did nothing wrong in HTTP. Those for malformed requests are not among them: no
// probe earns one.
var sidegateWords = map[string]explanation{
	"denied":              {"the partner has denied us, whatever rules say", "ask the partner for the detail in their log", true},
	"subject-not-allowed": {"our certificate is good, but no rule admits its Subject", "ask the partner to add our Subject to a rule under allow:", true},
	"subject-ambiguous":   {"the Subject or Issuer of our certificate can be read in two ways, or is very long", "have the certificate issued again, with a plain Subject", true},
	"method-not-allowed":  {"a rule admits us, but not for this method", "probe with the method that is used: --method POST", false},
	"path-not-allowed":    {"a rule admits us, but not for this path", "probe the path that is used", false},
	"path-ambiguous":      {"the path has dot segments, empty segments or encoded slashes, on which servers disagree", "probe the plain path", false},

	"unknown-ca":       {"our certificate is not trusted any more: there is no way from it to a CA in clientCA", "ask the partner to trust our issuing CA", true},
	"expired":          {"our certificate, or a CA above it, has expired", "renew it", true},
	"not-yet-valid":    {"our certificate, or a CA above it, is not valid yet", "compare the clocks", true},
	"wrong-usage":      {"our certificate is not for clients", "have it issued with clientAuth, or ask the partner for clientCertificateUsage: clientOrServer", true},
	"name-constraints": {"a CA above our certificate may not issue for its names", "ask its issuer", true},
	"weak-signature":   {"our certificate is signed with SHA-1 or MD5", "have a new one issued", true},
	"not-a-ca":         {"our certificate itself is listed in clientCA, and is no CA", "ask the partner to list its issuer", true},
	"too-large":        {"we present more certificates than a chain needs", "leave the root out of the certificate file", true},
	"bad-chain":        {"our chain is not good by RFC 5280", "ask the partner for the detail in their log", true},
	"revoked":          {"our certificate is on the revocation list of its CA", "have a new one issued", true},
	"issuer-revoked":   {"a CA above our certificate is on a revocation list", "have a certificate issued by another CA", true},
	"crl-missing":      {"the partner has no revocation list of a CA above our certificate", "ask the partner to get it, or the CA where it is", true},
	"crl-expired":      {"the revocation list that the partner has of a CA above our certificate has expired", "ask the partner to get the present one", true},
	"unverified":       {"our certificate could not be verified", "ask the partner for the detail in their log", true},
	"no-certificate":   {"we presented no certificate", presentOne, true},

	"app-down":    {"we are let in, and the application behind does not listen", "tell the partner", false},
	"app-timeout": {"we are let in, and the application behind does not answer in time", "tell the partner", false},
	"app-failed":  {"we are let in, and the application behind broke off or answered malformed", "tell the partner", false},
	"overloaded":  {"we are let in, and the application behind has too many requests", "try again later", false},
}

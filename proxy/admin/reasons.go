package admin

import "github.com/sidegate/sidegate/proxy"

// explanations say in a sentence what each reason word means and what to do. A
// test holds that every word of the data path is here.
var explanations = map[string]string{
	// Who it is.
	"denied":              "A deny entry names this client. It wins over every rule.",
	"subject-not-allowed": "The certificate is good, but no rule names its holder. If it should pass, put the line below into a rule.",
	"subject-ambiguous":   "The Subject or Issuer could be read in more than one way, so that it cannot be told from another's. The issuer must fix the certificate.",

	// What it asked for.
	"method-not-allowed": "The client is known, but no rule that names it has this method.",
	"path-not-allowed":   "The client is known, but no rule that names it has this path.",
	"path-ambiguous":     "Servers disagree about what this path means, so that it is refused while any rule has paths.",

	// The certificate, in the handshake or when trust changed under an open connection.
	"no-certificate":   "The client sent no certificate: none is configured there for this server, or it found none that fits.",
	"too-large":        "The client sent more certificates than any real chain has.",
	"unknown-ca":       "No trusted CA vouches for the certificate. Either the CA is missing here, or the client does not send its intermediate.",
	"expired":          "The client's certificate, or a CA above it, has ended. The client must present the renewed one.",
	"not-yet-valid":    "The client's certificate, or a CA above it, is not valid yet. If that date is past, look at the clock of the node.",
	"wrong-usage":      "The certificate may not be used by clients (extended key usage, its own or a CA's). See clientCertificateUsage.",
	"name-constraints": "A CA above the certificate may not issue for the names in it.",
	"weak-signature":   "The certificate is signed with SHA-1 or MD5, which can be forged.",
	"not-a-ca":         "The certificate is listed among the CAs without being one. Trust its issuer, or pin it in a rule.",
	"revoked":          "Its CA has revoked the certificate. The client needs a new one.",
	"issuer-revoked":   "A CA above the certificate has been revoked.",
	"crl-missing":      "crlPolicy is strict, and there is no revocation list of a CA above the certificate.",
	"crl-expired":      "The revocation list of a CA above the certificate has ended. Whatever refreshes it has not.",
	"bad-chain":        "The chain breaks another rule of RFC 5280.",
	"unverified":       "The certificate could not be verified.",

	// The connection.
	"not-tls":              "What came in is not TLS, perhaps plain HTTP or a health check. Send checks to the health port.",
	"timeout":              "The TLS handshake was not done in time.",
	"client-alert":         "The client refused this server: most often it does not trust the CA of the served certificate, or asked for another name.",
	"client-closed":        "The client hung up before it was done.",
	"tls-protocol":         "Client and server have no TLS version or cipher in common, or the client does not keep to the protocol.",
	"too-many-connections": "More connections are open than limits.maxConnections.",

	// The form of the request.
	"connect":           "CONNECT would open a tunnel past every check; it is never forwarded.",
	"upgrade":           "The request asks to change the protocol. Only WebSocket is forwarded, and only with websocket: true.",
	"request-malformed": "The request is not well-formed HTTP; servers could disagree about what it asks for.",
	"framing":           "The request is not strictly HTTP/1.1; servers could disagree about where it ends.",
	"expectation":       "Expect asks for something other than 100-continue, which alone has a meaning.",
	"host-malformed":    "The Host is missing, malformed or contradicts itself.",
	"content-length":    "Content-Length is malformed or contradicts the body.",
	"body-too-large":    "The body is larger than limits.bodyBytes.",
	"body-stalled":      "The body stopped moving for longer than limits.bodyIdleTimeout.",
	"body-broken":       "The body ended before it was complete.",

	// The application.
	"overloaded":  "As many requests as limits.maxRequests allows are at the application already.",
	"app-down":    "The application does not accept connections. Is it running, and listening at the upstream's address?",
	"app-timeout": "The application did not answer in time.",
	"app-failed":  "The application broke off, or its answer is not HTTP.",

	// The partner, on the way out.
	"absolute-form":           "The application takes the egress for a forward proxy. It should call the egress itself, http://127.0.0.1:8081/path.",
	"withdrawn":               "The egress is not in the configuration any more. Put it back, or let the application call another one.",
	"server-unknown-ca":       "No CA in serverCA vouches for the server. Either the CA is missing here, or the server does not send its intermediate.",
	"server-expired":          "The server's certificate, or a CA above it, has ended. The partner must renew it.",
	"server-not-yet-valid":    "The server's certificate, or a CA above it, is not valid yet. If that date is past, look at the clock of the node.",
	"server-wrong-usage":      "The server's certificate may not be used by servers (extended key usage, its own or a CA's).",
	"server-name-constraints": "A CA above the server's certificate may not issue for the names in it.",
	"server-weak-signature":   "The server's certificate is signed with SHA-1 or MD5, which can be forged.",
	"server-not-a-ca":         "The server's certificate is listed in serverCA without being a CA. Trust its issuer, or pin its key by serverSPKISHA256.",
	"server-too-large":        "The server sent more certificates than any real chain has.",
	"server-bad-chain":        "The chain of the server breaks another rule of RFC 5280.",
	"server-name":             "The server's certificate is for other names. Set serverName if one of these is the right one.",
	"server-subject":          "The server's certificate is good, but serverSubject does not list its Subject. If it is the right server, add it there.",
	"server-spki":             "The server's certificate is good, but serverSPKISHA256 does not list its key. If it is the right server, add the digest there.",
	"certificate-refused":     "The partner refuses our client certificate. Send its full Subject and its issuing CA to the partner, who has to accept both.",
	"tls-failed":              "No TLS connection came about. Is this the right port, and does the server speak TLS 1.2 or 1.3?",
	"server-down":             "The server does not accept connections, or its name is not known here. Look at NetworkPolicies, firewalls and DNS.",
	"server-timeout":          "The server did not answer in time.",
	"server-failed":           "The server broke off, or its answer is not HTTP.",
}

// callExplanations are for the words that say something else on the way out.
var callExplanations = map[string]string{
	"path-not-allowed":     "allowPaths does not list this path.",
	"path-ambiguous":       "Servers disagree about what this path means, so that it is refused while there is an allowPaths.",
	"overloaded":           "As many requests as an egress takes at once are at the partner already.",
	"too-many-connections": "The application holds more connections open than an egress takes at once.",
}

// explain returns the meaning of a refusal's reason, or nothing for a word that
// is not known; its Detail is shown in any case.
func explain(f proxy.Refusal) string { return explanations[f.Reason] }

// explainCall is explain for a call of the application.
func explainCall(f proxy.Failure) string {
	if text, ok := callExplanations[f.Reason]; ok {
		return text
	}
	return explanations[f.Reason]
}

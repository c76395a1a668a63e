// Package minica is a certification authority for an afternoon. It issues the
// certificates that the demo and the tests speak with: good ones, and every
// kind of wrong one that a partner has ever sent.
//
// A [CA] that nobody has heard of is made by [New], one that another CA
// vouches for by [CA.NewCA], and a certificate for a server or a client by
// [CA.Issue]:
//
//	root, err := minica.New(minica.Options{Subject: "CN=Example Root,O=Example,C=BE"})
//	issuing, err := root.NewCA(minica.Options{Subject: "CN=Example Issuing CA,O=Example,C=BE"})
//	client, err := issuing.Issue(minica.Options{Subject: "CN=billing,O=Example,C=BE"})
//
// What the zero [Options] give is right by RFC 5280: key usages that fit the
// key, subject and authority key identifiers, a random serial number, a short
// life. Whatever a test wants to be wrong is said in one field, or in
// [Options.Change], which has the last word on the template.
//
// A [CA] also signs revocation lists, with [CA.CRL], and odd ones by
// [CRLOptions.Change].
//
// A [Cert] knows its private key and its chain, and writes itself as the files
// of a Kubernetes TLS Secret: [Cert.ChainPEM] is tls.crt, [Cert.KeyPEM] is
// tls.key, and [Cert.PEM] of a CA is ca.crt. A [Mount] then puts such files
// into a directory in the steps in which kubelet updates a mounted Secret, so
// that what is read there is tried against the real thing.
//
// Nothing here is fit for production: keys are born in memory, handed out in
// the clear, and nobody records what was signed.
package minica

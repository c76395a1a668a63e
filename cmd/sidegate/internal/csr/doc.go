// Package csr makes certificate signing requests (PKCS #10, RFC 2986) and the
// private keys that they are for.
//
// Whoever orders a certificate wants two things of a request: that it says what
// was meant, for a CA copies it or refuses it days later, and that no key is lost
// or laid open on the way. So the work has two halves, and the words for the
// person who asked stand between them:
//
//	Options ──Make──► *Request ──Words──► shown to a person
//	                      └──────Write──► key file, then request
//
// [Make] checks everything and touches nothing. The Subject comes from text in
// any rendering that package subject reads, or byte for byte from the current
// certificate; the other names from flags, or from that certificate as well. The
// key is read if its file exists and is made in memory if not. The request is
// signed, read back and verified. What is wrong is told all at once, each with
// what to write instead.
//
// [Request.Words] shows the request as a CA will see it, with a warning where
// something looks odd though no standard forbids it.
//
// [Request.Write] writes the key, if it is new, with mode 0600 from its first
// byte and under its name only when it is whole, and then the request. Neither
// replaces a file, whoever made it and whenever.
//
// A Subject in text becomes DER with the string types of RFC 5280 appendix A:
// PrintableString for countryName, serialNumber and dnQualifier, IA5String for
// emailAddress and domainComponent, and UTF8String for all else, as RFC 5280
// §4.1.2.4 and OpenSSL's string_mask of utf8only have it. Text is written most
// specific attribute first (RFC 4514 §2.1) and DER the other way around, with
// countryName before commonName, which is the order that CAs issue.
//
// No error and no line of Words holds a byte of a private key.
package csr

// Package subject reads, compares and writes distinguished names: the Subject
// and Issuer of certificates.
//
// A certificate says who its holder is in its Subject. Sidegate lets a client
// in because that Subject is on a list, so everything hangs on one question:
// are these two names the same? Answering it with strings goes wrong, because
// each tool writes a name differently and several write different names the
// same way. [crypto/x509/pkix.Name.String] drops all common names but the last
// and reorders the rest (golang/go#52462); OpenSSL since 3.2 does not escape a
// comma in a value; a value may hold a line feed or a character nobody sees.
//
// So this package has one value, [Name], and two ways to make it:
//
//	DER of a certificate ── FromDER ──┐
//	                                  ├─► Name ── String ──► header, log, metric, rule
//	text from a person ───── Parse ───┘
//
// [FromDER] walks the bytes of the certificate itself. What could be read in
// more than one way, or not be read by a human being at all, is refused with an
// [*AmbiguousError] and never repaired: a client with such a name is denied.
//
// [Parse] reads every rendering that people paste: RFC 4514 and its forebears,
// OpenSSL's three styles, Go's, Java's and Microsoft's. They disagree about
// what comes first. Where the text does not decide that, Parse refuses it with
// a [*ParseError] that says what to write instead. One loss it cannot see: a
// rendering without escapes (OpenSSL 3.2 and later by default) of a value which
// itself looks like ", CN=x". The result is then another name, and a rule made
// of it does not match the certificate it was pasted from.
//
// Both end in the canonical form, which is what [Name.String] returns:
//
//	UID=u1+CN=a.example,O=Acme\, Inc.,C=BE
//
// It is RFC 4514 with every choice taken: most specific RDN first, the
// attributes of one RDN sorted, a fixed spelling of each type, all bytes outside
// printable ASCII as \XX. It tells all names apart that differ in anything but
// the ASN.1 string type of a value. Upper and lower case differ, as do one blank
// and two, and "é" in one code point and in two: RFC 5280 §7.1 would fold the
// first pairs, but folding depends on tables that change, and a name that is
// stricter than need be refuses where a laxer one would let somebody in.
package subject

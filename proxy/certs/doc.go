// Package certs proves who is who. It turns the PEM files of a pod into a
// [Bundle], keeps that Bundle fresh while the files change, and verifies the
// certificates of clients against it.
//
// Everything is read as one. [Open] reads the certificate, its key and the
// trust anchors, and any revocation lists, in a single pass, and what it returns either fits together or
// is refused as a whole:
//
//	Files ──read──► material ──parse──► *Bundle          all of it is good
//	                               └──► []*Fault         every reason why not
//
// Reading respects how a kubelet replaces a Secret: a new directory, then one
// swap of the link named ..data. All files of a volume come from one of these
// directories, never from two. Files without such a link are read as they lie;
// when a certificate arrives before its key the two do not match for a moment,
// which is a Fault, and a Fault changes nothing.
//
// A [Store] holds the Bundle in use. [Store.Current] is a load of one pointer,
// for the path of each request. [Store.Run] waits for changes (see [Watch]),
// reads again, and either swaps the pointer or keeps the last good Bundle, logs
// and counts the Fault, and shows it in [Store.Status]. A Bundle never changes
// once it is out, so whoever holds one holds a consistent world.
//
// A client is verified by [Bundle.Verify]: against the anchors of that Bundle
// and nothing else, never the roots of the operating system, for the extended
// key usages that were configured. What a client sends along is sifted before,
// from the anchors downwards, so that no key of a stranger makes us work. Whom
// Verify refuses it tells why, in one word for the metrics and one sentence for
// the operator ([Refusal]).
//
// Where [Files.CRL] names revocation lists, they are part of the Bundle. A list that
// is malformed, forged, partial or older than the one in use is a Fault like any
// other. One that has merely expired is not: it must not hold up a new certificate,
// and [CRLPolicy] says what becomes of the clients of its CA. Verify looks each
// certificate of a chain up in the newest list of the key that signed it, and lets
// only those chains count in which nothing is revoked. Lists may be large: their
// bytes are not kept, and a file that has not changed is not read again.
//
// [TicketKeys] tie TLS session resumption to what a verdict depends on, so
// that a change of trust ends resumption and a new server certificate does not.
//
// The private key is in [Bundle.Certificate] and nowhere else: no log line,
// Fault, Refusal or Warning quotes what lies in a key file, not even the label
// of a PEM block, unless it is a known one.
package certs

package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A Fault is a reason why files cannot be used.
type Fault struct {
	Code    string // one of the Code constants
	File    string // path as configured, without the ..data indirection
	Field   string // of Files, the one that led to File: one of the Field constants; empty if it concerns several
	Problem string // what is wrong, one sentence without the file name
	Fix     string // how to mend it, one sentence
	Err     error  // the cause, where there is one
}

// The codes of a Fault. They are stable: scripts and alerts may rely on them.
const (
	CodeMissing        = "missing"         // no such file or directory
	CodeUnreadable     = "unreadable"      // no permission, or an input error
	CodeNotAFile       = "not-a-file"      // a socket, a pipe, a directory where a file belongs
	CodeTooLarge       = "too-large"       // more than the limits of this package
	CodeChanging       = "changing"        // replaced over and over while it was read
	CodeEmpty          = "empty"           // nothing but white space
	CodeNoPEM          = "no-pem"          // no PEM block at all
	CodeBrokenPEM      = "broken-pem"      // a block begins but does not end, or does not decode
	CodeWrongPEM       = "wrong-pem"       // a block of a kind that does not belong here
	CodeNoCertificate  = "no-certificate"  // a key where a certificate belongs
	CodeNoKey          = "no-key"          // a certificate where a key belongs
	CodeBadCertificate = "bad-certificate" // not decodable (RFC 5280)
	CodeBadKey         = "bad-key"         // not decodable (RFC 5208, 5915, 8017), or not a signing key
	CodeEncryptedKey   = "encrypted-key"   // protected by a passphrase
	CodeSeveralKeys    = "several-keys"    // more than one private key
	CodeWeakKey        = "weak-key"        // RSA under 2048 bits, or P-224
	CodeKeyMismatch    = "key-mismatch"    // certificate and key are not a pair
	CodeChainOrder     = "chain-order"     // the certificate of the key is not the first
	CodeExpired        = "expired"
	CodeNotYetValid    = "not-yet-valid"
	CodeCAEmpty        = "ca-empty"   // no trust anchor
	CodeCANotCA        = "ca-not-ca"  // certificates, but none that may issue others
	CodeCAExpired      = "ca-expired" // no anchor that is valid now
	CodeCAUsage        = "ca-usage"   // no anchor under which the configured usage is possible

	// Of revocation lists, beside those of a [CRLError].
	CodeCRLEmpty       = "crl-empty"         // no revocation list where one should be
	CodeCRLNotYetValid = "crl-not-yet-valid" // thisUpdate has not come (RFC 5280 §5.1.2.4)
	CodeCRLRollback    = "crl-rollback"      // older than the list of the same CA that is in use
)

// The codes that an [Oddity] may have beside those of a Fault and
// [ReasonWrongUsage]. They are as stable.
const (
	CodeLeftOut       = "left-out"       // a file of a CA directory that is no list of CAs
	CodeStrayKey      = "stray-key"      // a private key that is not used, in a file that needs none
	CodeStrayCRL      = "stray-crl"      // a revocation list in a CA file
	CodeCAConstraints = "ca-constraints" // name constraints that do not fence Subjects

	CodeCRLUnknownIssuer = "crl-unknown-issuer" // a list of no anchor: checked once a peer brings its CA along
	CodeCRLStale         = "crl-stale"          // nextUpdate has passed (RFC 5280 §5.1.2.5)
	CodeCRLSuperseded    = "crl-superseded"     // there is a newer list of the same CA
	CodeCRLGone          = "crl-gone"           // there was a list of that CA, and now there is none
	CodeAnchorRevoked    = "anchor-revoked"     // an anchor that the list of an anchor names
)

// The fields of [Files], as a Fault names them. A key that lies in the directory
// of the certificate comes from there.
const (
	FieldCertificate = "Certificate"
	FieldKey         = "Key"
	FieldCA          = "CA"
	FieldCRL         = "CRL"
)

// Error returns the file and the problem. It is the same text as long as the
// fault is the same.
func (f *Fault) Error() string { return f.File + ": " + f.Problem }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Faults returns every [*Fault] that err holds, in order.
func Faults(err error) []*Fault {
	switch e := err.(type) { //nolint:errorlint // this is what walks the tree
	case *Fault:
		return []*Fault{e}
	case interface{ Unwrap() []error }:
		var all []*Fault
		for _, one := range e.Unwrap() {
			all = append(all, Faults(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return Faults(e.Unwrap())
	}
	return nil
}

// maxShown bounds a name in a message: a distinguished name comes from outside
// and may be as long as its certificate.
const maxShown = 300

// shownSubject returns the quoted Subject of c.
func shownSubject(c *x509.Certificate) string { return shownName(c.RawSubject, c.Subject) }

// shownIssuer returns the quoted issuer of c.
func shownIssuer(c *x509.Certificate) string { return shownName(c.RawIssuer, c.Issuer) }

func shownName(der []byte, fallback pkix.Name) string { return `"` + bareName(der, fallback) + `"` }

// bareName prefers the canonical form: [pkix.Name.String] loses attributes, and
// what is shown here is pasted into rules.
func bareName(der []byte, fallback pkix.Name) string {
	if name, err := subject.FromDER(der); err == nil {
		return shorten(name.String())
	}
	quoted := fmt.Sprintf("%q", shorten(fallback.String()))
	return quoted[1 : len(quoted)-1]
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// few joins the first of a list, and says how many more there are.
func few(list []string, n int) string {
	text := shorten(strings.Join(list[:min(n, len(list))], ", "))
	if more := len(list) - n; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shownTime is how every date in a message is written (RFC 3339, UTC).
func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

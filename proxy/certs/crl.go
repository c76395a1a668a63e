package certs

import (
	"fmt"
	"math/big"
	"time"
)

// A CRL is a certificate revocation list (RFC 5280 §5): complete, direct and of one
// CA. Of its DER it keeps what is needed to find a serial number and to check the
// signature, which is less than the DER by half. It is immutable and safe for
// concurrent use, and a copy of the struct is as good as the original.
type CRL struct {
	File       string   // path as configured, without the ..data indirection; set by who reads the file
	Issuer     string   // the CA's name as it is shown: in canonical form, escaped and shortened
	RawIssuer  []byte   // DER of the CA's name
	KeyID      []byte   // authority key identifier; nil if there is none
	Number     *big.Int // nil if there is none
	ThisUpdate time.Time
	NextUpdate time.Time
	Entries    int      // how many certificates are revoked
	Sum        [32]byte // SHA-256 of the DER

	revoked   *serials
	signature *crlSignature
}

// A Revocation is one entry of a CRL.
type Revocation struct {
	Date   time.Time // UTC
	Reason string    // of RFC 5280 §5.3.1, such as keyCompromise; empty if none is given, or none that it knows
}

// The codes of a [CRLError]. They are stable: scripts and alerts may rely on them.
const (
	CodeCRLMalformed         = "crl-malformed"          // no list by RFC 5280 §5.1, or more than one
	CodeCRLDelta             = "crl-delta"              // only what has changed since another list (§5.2.4)
	CodeCRLIndirect          = "crl-indirect"           // revokes certificates of other CAs (§5.2.5, §5.3.3)
	CodeCRLScoped            = "crl-scoped"             // covers a part of the CA's certificates only (§5.2.5)
	CodeCRLCriticalExtension = "crl-critical-extension" // demands what is not implemented (§5.2)
	CodeCRLWeakSignature     = "crl-weak-signature"     // signed over MD5 or SHA-1
	CodeCRLNoNextUpdate      = "crl-no-next-update"     // does not say how long it holds (§5.1.2.5)
	CodeCRLIssuer            = "crl-issuer"             // of another CA, or of another key of this CA
	CodeCRLSignature         = "crl-signature"          // not signed by the CA, or in a way that cannot be checked
)

// A CRLError is a reason why a revocation list cannot be used.
type CRLError struct {
	Code    string // one of the CodeCRL constants
	Problem string // one sentence, safe to show
}

// Error returns the problem.
func (e *CRLError) Error() string { return e.Problem }

// crlError words an error about the list.
func crlError(code, format string, args ...any) *CRLError {
	return &CRLError{Code: code, Problem: "the revocation list " + fmt.Sprintf(format, args...)}
}

// malformed words the error of a list that is not what RFC 5280 §5.1 says.
func malformed(format string, args ...any) *CRLError {
	return crlError(CodeCRLMalformed, format, args...)
}

// Find returns the entry for a serial number, if there is one: O(log n), and a miss
// allocates nothing.
func (c *CRL) Find(serial *big.Int) (Revocation, bool) {
	row, found := c.revoked.find(serial)
	if !found {
		return Revocation{}, false
	}
	return row.revocation(), true
}

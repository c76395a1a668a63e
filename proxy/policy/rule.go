package policy

import (
	"slices"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A Rule admits the clients that meet all of its conditions, unless it is on
// trial. Inside one condition any of the listed values will do, except in SubjectHas and between
// the kinds of SAN, which must all be met. A condition that is empty is no
// condition; a Rule without an identity condition admits every verified client.
//
// A listed value that says nothing (the zero Name, an empty string, an all-zero
// hash) is met by no client, so that an element left empty by mistake closes the
// rule and does not open it. Issuer is not a list: its zero Name is no condition.
type Rule struct {
	Name   string // for the log and the X-Client-Rule header
	Report bool   // the rule is on trial: a Decision tells that it fits, and it allows nobody

	// The identity.
	Subjects   []subject.Name      // the client's full Subject is one of these
	SubjectHas []subject.Attribute // each Type occurs in the Subject exactly once, with this value
	Issuer     subject.Name        // the client's Issuer
	SAN        SAN                 // subject alternative names
	SPKISHA256 [][32]byte          // the client's public key is one of these
	CertSHA256 [][32]byte          // the client's certificate is one of these

	// The request.
	Methods []string // request methods, upper case; GET does not imply HEAD
	Paths   []string // exact, or a prefix that ends in "/*"; percent-decoded
}

// BindsIdentity reports whether r names its clients: by Subject, SAN or pin.
// An Issuer alone does not: it names whoever that CA certifies; nor do
// attributes that say where somebody is and not who.
func (r *Rule) BindsIdentity() bool {
	return len(r.Subjects) > 0 || slices.ContainsFunc(r.SubjectHas, namesSomebody) || !r.SAN.empty() ||
		len(r.SPKISHA256) > 0 || len(r.CertSHA256) > 0
}

// namesSomebody reports whether a, checked by a CA, stands for one holder: C=BE
// or OU=IT is true of too many.
func namesSomebody(a subject.Attribute) bool {
	switch a.Type {
	case "CN", "O", "UID", "serialNumber", "organizationIdentifier", "emailAddress":
		return true
	}
	return false
}

// bindsRequest reports whether r has a condition on the request.
func (r *Rule) bindsRequest() bool { return len(r.Methods) > 0 || len(r.Paths) > 0 }

// An identityCondition is one of the conditions that r makes on its clients.
type identityCondition struct {
	met func(r *Rule, c *candidate) bool

	// explain says how c misses the condition and by how little. It returns
	// an empty string if c is nowhere near.
	explain func(r *Rule, c *candidate) string
}

// identityConditions are all of them, the cheapest first.
var identityConditions = [...]identityCondition{
	{(*Rule).meetsSubject, explainSubject},
	{(*Rule).meetsSubjectHas, explainSubjectHas},
	{(*Rule).meetsIssuer, explainIssuer},
	{(*Rule).meetsSAN, explainSAN},
	{(*Rule).meetsSPKI, explainSPKI},
	{(*Rule).meetsCert, explainCert},
}

// admits reports whether c meets all identity conditions of r.
func (r *Rule) admits(c *candidate) bool {
	for i := range identityConditions {
		if !identityConditions[i].met(r, c) {
			return false
		}
	}
	return true
}

func (r *Rule) meetsSubject(c *candidate) bool {
	return len(r.Subjects) == 0 || !c.Subject.IsZero() && slices.Contains(r.Subjects, c.Subject)
}

// meetsSubjectHas counts, because a Subject with two CNs has no CN that a rule
// could mean: which of them is "the" name differs from reader to reader.
func (r *Rule) meetsSubjectHas(c *candidate) bool {
	for _, want := range r.SubjectHas {
		if have, count := c.attribute(want.Type); count != 1 || have != want {
			return false
		}
	}
	return true
}

func (r *Rule) meetsIssuer(c *candidate) bool { return r.Issuer.IsZero() || r.Issuer == c.Issuer }

func (r *Rule) meetsSAN(c *candidate) bool { return r.SAN.met(c.Client) }

func (r *Rule) meetsSPKI(c *candidate) bool { return pinned(r.SPKISHA256, c.SPKI) }

func (r *Rule) meetsCert(c *candidate) bool { return pinned(r.CertSHA256, c.Fingerprint) }

// pinned reports whether hash is one of pins, or there are none.
func pinned(pins [][32]byte, hash [32]byte) bool { return len(pins) == 0 || listed(pins, hash) }

// listed reports whether hash is one of hashes. The zero hash is one that was
// never computed.
func listed(hashes [][32]byte, hash [32]byte) bool {
	return hash != [32]byte{} && slices.Contains(hashes, hash)
}

func (r *Rule) allowsMethod(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method)
}

func (r *Rule) allowsPath(rawPath string) bool {
	if len(r.Paths) == 0 {
		return true
	}
	for _, pattern := range r.Paths {
		if matchPath(pattern, rawPath) {
			return true
		}
	}
	return false
}

package subject

import (
	"crypto/x509"
	"strings"
)

// OIDs that decide the string type in DER, or tell the order of a name.
const (
	oidCN            = "2.5.4.3"
	oidSerialNumber  = "2.5.4.5"
	oidC             = "2.5.4.6"
	oidO             = "2.5.4.10"
	oidOU            = "2.5.4.11"
	oidDNQualifier   = "2.5.4.46"
	oidUID           = "0.9.2342.19200300.100.1.1"
	oidDC            = "0.9.2342.19200300.100.1.25"
	oidEmailAddress  = "1.2.840.113549.1.9.1"
	oidJurisdictionC = "1.3.6.1.4.1.311.60.2.1.3"
)

// An attributeType is a type of attribute and how it is spelled.
type attributeType struct {
	oid   string
	name  string // in the canonical form; empty: the OID stands there
	long  string // OpenSSL's name with -nameopt lname
	short string // its name without lname, where that is another
	also  string // other tools' names, separated by blanks
}

// types is fixed for ever: another name here changes canonical forms that
// people have in their rules. A type without a name may get more spellings.
var types = []attributeType{
	{oid: oidCN, name: "CN", long: "commonName", short: "CN"},
	{oid: oidC, name: "C", long: "countryName", short: "C"},
	{oid: "2.5.4.7", name: "L", long: "localityName", short: "L"},
	{oid: "2.5.4.8", name: "ST", long: "stateOrProvinceName", short: "ST", also: "S SP"},
	{oid: "2.5.4.9", name: "STREET", long: "streetAddress", short: "street"},
	{oid: oidO, name: "O", long: "organizationName", short: "O"},
	{oid: oidOU, name: "OU", long: "organizationalUnitName", short: "OU"},
	{oid: oidDC, name: "DC", long: "domainComponent", short: "DC"},
	{oid: oidUID, name: "UID", long: "userId", short: "UID"},
	{oid: oidSerialNumber, name: "serialNumber", long: "serialNumber"},
	{oid: "2.5.4.15", name: "businessCategory", long: "businessCategory"},
	{oid: "2.5.4.17", name: "postalCode", long: "postalCode"},
	{oid: "2.5.4.97", name: "organizationIdentifier", long: "organizationIdentifier"},
	{oid: oidEmailAddress, name: "emailAddress", long: "emailAddress", also: "E EMAIL"},
	{oid: oidJurisdictionC, name: "jurisdictionCountryName", long: "jurisdictionCountryName", short: "jurisdictionC",
		also: "jurisdictionOfIncorporationCountryName"},
	{oid: "1.3.6.1.4.1.311.60.2.1.2", name: "jurisdictionStateOrProvinceName", long: "jurisdictionStateOrProvinceName",
		short: "jurisdictionST", also: "jurisdictionOfIncorporationStateOrProvinceName"},
	{oid: "1.3.6.1.4.1.311.60.2.1.1", name: "jurisdictionLocalityName", long: "jurisdictionLocalityName",
		short: "jurisdictionL", also: "jurisdictionOfIncorporationLocalityName"},

	{oid: "2.5.4.4", long: "surname", short: "SN"},
	{oid: "2.5.4.12", long: "title", also: "T"},
	{oid: "2.5.4.13", long: "description"},
	{oid: "2.5.4.18", long: "postOfficeBox"},
	{oid: "2.5.4.20", long: "telephoneNumber"},
	{oid: "2.5.4.41", long: "name"},
	{oid: "2.5.4.42", long: "givenName", short: "GN", also: "G"},
	{oid: "2.5.4.43", long: "initials", also: "I"},
	{oid: "2.5.4.44", long: "generationQualifier", also: "GENERATION"},
	{oid: "2.5.4.45", long: "x500UniqueIdentifier"},
	{oid: oidDNQualifier, long: "dnQualifier", also: "DNQ"},
	{oid: "2.5.4.51", long: "houseIdentifier"},
	{oid: "2.5.4.65", long: "pseudonym"},
	{oid: "2.5.4.72", long: "role"},
	{oid: "1.2.840.113549.1.9.2", long: "unstructuredName"},
	{oid: "1.2.840.113549.1.9.8", long: "unstructuredAddress"},
}

// contested are spellings that two tools use for two types: SN is surname to
// OpenSSL and LDAP, serialNumber to Bouncy Castle.
var contested = map[string]string{
	"sn":   `write "surname" or "serialNumber"`,
	"mail": `write "emailAddress", or "0.9.2342.19200300.100.1.3" for the LDAP attribute`,
}

var typesByOID, typesByName = indexTypes()

func indexTypes() (byOID, byName map[string]attributeType) {
	byOID, byName = make(map[string]attributeType), make(map[string]attributeType)
	for _, t := range types {
		byOID[t.oid] = t
		for _, name := range append(strings.Fields(t.also), t.name, t.long, t.short) {
			byName[strings.ToLower(name)] = t
		}
	}
	delete(byName, "")
	return byOID, byName
}

// canonical returns the type's spelling in the canonical form.
func (t attributeType) canonical() string {
	if t.name != "" {
		return t.name
	}
	return t.oid
}

// typeWithOID returns the type of a dotted OID, known or not.
func typeWithOID(oid string) attributeType {
	if t, ok := typesByOID[oid]; ok {
		return t
	}
	return attributeType{oid: oid}
}

// oidOf returns the dotted OID of a type in canonical spelling.
func oidOf(canonical string) string {
	if t, ok := typesByName[strings.ToLower(canonical)]; ok {
		return t.oid
	}
	return canonical
}

// typeNamed returns the type that people spell so: a name in any case, or a
// dotted OID, with or without "OID." before it (RFC 1779 §2.3).
func typeNamed(spelled string) (attributeType, *fault) {
	lower := strings.ToLower(spelled)
	if fix, ok := contested[lower]; ok {
		return attributeType{}, &fault{spell(spelled) + " means different types to different tools", fix}
	}
	if t, ok := typesByName[lower]; ok {
		return t, nil
	}
	dotted := strings.TrimPrefix(lower, "oid.")
	if len(dotted) <= 4*maxOID {
		if oid, err := x509.ParseOID(dotted); err == nil && len(encodeOID(dotted)) <= maxOID {
			return typeWithOID(oid.String()), nil
		}
	}
	return attributeType{}, &fault{spell(spelled) + " is not an attribute type", `write a type such as CN, or its dotted OID`}
}

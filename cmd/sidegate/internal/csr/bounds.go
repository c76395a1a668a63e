package csr

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/subject"
)

// upperBounds are the most characters that a value may have, by the long name
// of its type: RFC 5280 appendix A.1, and for street and post code X.520, which
// the Baseline Requirements of the CA/Browser Forum (7.1.4.2) repeat. Countries
// have their own rule.
var upperBounds = map[string]int{
	"commonName":                      64,
	"organizationName":                64,
	"organizationalUnitName":          64,
	"title":                           64,
	"serialNumber":                    64,
	"localityName":                    128,
	"stateOrProvinceName":             128,
	"jurisdictionLocalityName":        128,
	"jurisdictionStateOrProvinceName": 128,
	"streetAddress":                   128,
	"pseudonym":                       128,
	"businessCategory":                128,
	"postalCode":                      40,
	"emailAddress":                    255,
	"name":                            32768,
	"surname":                         32768,
	"givenName":                       32768,
	"initials":                        32768,
	"generationQualifier":             32768,
}

// parseSubject reads a name that a CA is to put into a certificate. Stricter
// than subject.Parse, which reads what is in one already, it joins an error for
// each value that RFC 5280 does not allow.
func parseSubject(text string) (subject.Name, error) {
	name, err := subject.Parse(text)
	if err != nil {
		return subject.Name{}, fmt.Errorf("--subject: %w", err)
	}
	var errs []error
	for _, a := range name.Attributes() {
		if problem := misfit(a); problem != "" {
			errs = append(errs, fmt.Errorf("--subject: %s %s: %s", a.LongName(), quote(a.Value), problem))
		}
	}
	return name, errors.Join(errs...)
}

// misfit says why a standard CA would refuse the attribute, and what to write;
// it is empty if none would.
func misfit(a subject.Attribute) string {
	long := a.LongName()
	if a.Binary {
		return "it is not text; write the text itself, without #"
	}
	if strings.TrimSpace(a.Value) == "" {
		return "there is nothing in it; leave the attribute out"
	}
	switch long {
	case "countryName", "jurisdictionCountryName":
		return misfitCountry(a.Value)
	case "serialNumber", "dnQualifier":
		if strings.ContainsFunc(a.Value, notPrintable) {
			return "it may have letters and digits of ASCII, blanks and '()+,-./:=? alone (a PrintableString)"
		}
	case "emailAddress", "domainComponent":
		if strings.ContainsFunc(a.Value, notASCII) {
			return "it may have ASCII alone (an IA5String)"
		}
	}
	n, most := utf8.RuneCountInString(a.Value), upperBounds[long]
	if most == 0 || n <= most {
		return ""
	}
	problem := fmt.Sprintf("it has %d characters, and %d is the limit (RFC 5280 appendix A.1, X.520)", n, most)
	if long == "commonName" {
		return problem + "; leave it out and give the name with --dns, where 253 are allowed"
	}
	return problem + "; abbreviate it the way the CA advises"
}

func misfitCountry(value string) string {
	isLetter := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	upper := strings.ToUpper(value)
	switch {
	case len(upper) != 2 || !isLetter(upper[0]) || !isLetter(upper[1]):
		return "it is not a country code; write two letters (ISO 3166-1), such as BE"
	case value != upper:
		return fmt.Sprintf("country codes have capitals; write %s", upper)
	}
	return ""
}

// notPrintable reports whether r is not in a PrintableString (X.680 §41.4).
func notPrintable(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune(" '()+,-./:=?", r)
}

func notASCII(r rune) bool { return r >= utf8.RuneSelf }

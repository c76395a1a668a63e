package subject_test

import (
	"errors"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

func TestParseReads(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"one RDN", "CN=a", "CN=a"},
		{"an empty value", "CN=,O=b", "CN=,O=b"},
		{"an equals sign in a value", "O=y=z", `O=y\=z`},
		{"a hash within a value", "O=a#b", "O=a#b"},
		{"escapes of RFC 4514", `O=\ a\#\=\"\+\,\;\<\>\\\ `, `O=\ a#\=\"\+\,\;\<\>\\\ `},
		{"escapes in hex", `O=\c3\A9\2C`, `O=\C3\A9\,`},
		{"UTF-8 as it is", "O=é", `O=\C3\A9`},
		{"a blank that is escaped at the end", `O=a\20`, `O=a\ `},
		{"blanks at the very end", "CN=a,O=b  ", "CN=a,O=b"},
		{"a line end", "CN=a,O=b\r\n", "CN=a,O=b"},

		{"quotes", `O="A, B; C+D=E<F>#",CN=x`, `O=A\, B\; C\+D\=E\<F\>#,CN=x`},
		{"quotes around blanks", `O=" A "`, `O=\ A\ `},
		{"quotes around a hash", `O="#0500"`, `O=\#0500`},
		{"quotes around nothing", `O="",CN=x`, "O=,CN=x"},
		{"an escaped quote in quotes", `O="a\"b"`, `O=a\"b`},
		{"a doubled quote in quotes, as Microsoft does", `O="a ""b"""`, `O=a \"b\"`},

		{"semicolons (RFC 1779)", "CN=a;O=b;C=BE", "CN=a,O=b,C=BE"},
		{"multi-valued", "O=b+CN=a,C=BE", "CN=a+O=b,C=BE"},
		{"multi-valued with blanks", "O = b, CN = a + UID = u", "UID=u+CN=a,O=b"},

		{"OpenSSL oneline", "C = BE, O = b, CN = a", "CN=a,O=b,C=BE"},
		{"OpenSSL oneline with quotes", `O = "b, c", CN = a`, `CN=a,O=b\, c`},
		{"OpenSSL oneline with semicolons", "C = BE; O = b", "O=b,C=BE"},
		{"OpenSSL since 3.2", "C=BE, O=b, CN=a", "CN=a,O=b,C=BE"},
		{"OpenSSL since 3.2 without CN", "C=BE, ST=x, O=b", "O=b,ST=x,C=BE"},
		{"OpenSSL since 3.2 with DC", "DC=com, DC=example, CN=a", "CN=a,DC=example,DC=com"},
		{"Java or Microsoft", "CN=a, O=b, C=BE", "CN=a,O=b,C=BE"},
		{"Java with semicolons", "CN=a; O=b; C=BE", "CN=a,O=b,C=BE"},
		{"Active Directory", "CN=Jane, CN=Users, DC=example, DC=com", "CN=Jane,CN=Users,DC=example,DC=com"},
		{"Microsoft's names", `E=m, CN=a, O="b, c", S=x, C=BE`, `emailAddress=m,CN=a,O=b\, c,ST=x,C=BE`},
		{"long names with escapes", `countryName=BE, organizationName=b\, c, commonName=a`, `CN=a,O=b\, c,C=BE`},
		{"the slash form", "/C=BE/O=b, c/CN=a", `CN=a,O=b\, c,C=BE`},
		{"long names", "organizationName=b, commonName=a", "CN=a,O=b"},
		{"long names without a blank", "commonName=a,organizationName=b", "CN=a,O=b"},
		{"long names, an OID and neutral names", "1.2.3=x, serialNumber=1, organizationName=b, commonName=a", "CN=a,O=b,serialNumber=1,1.2.3=x"},

		{"the label of openssl x509 -subject", "subject=C = BE, CN = a\n", "CN=a,C=BE"},
		{"the label of openssl 1.0", "subject= /C=BE/CN=a", "CN=a,C=BE"},
		{"the label of openssl x509 -text", "    Issuer: C = BE, CN = a", "CN=a,C=BE"},

		{"names in any case", "cn=a,oU=b,St=c", "CN=a,OU=b,ST=c"},
		{"what OpenSSL calls them", "street=a,jurisdictionC=BE,jurisdictionST=b,jurisdictionL=c,userId=d",
			"STREET=a,jurisdictionCountryName=BE,jurisdictionStateOrProvinceName=b,jurisdictionLocalityName=c,UID=d"},
		{"aliases", "E=a,EMAIL=b,EMAILADDRESS=c,S=d,SP=e", "emailAddress=a,emailAddress=b,emailAddress=c,ST=d,ST=e"},
		{"types whose canonical name is an OID", "title=a,T=b,GN=c,G=d,surname=e,DNQ=f", "2.5.4.12=a,2.5.4.12=b,2.5.4.42=c,2.5.4.42=d,2.5.4.4=e,2.5.4.46=f"},
		{"OID prefix", "OID.2.5.4.3=a,oid.1.2.3=b", "CN=a,1.2.3=b"},
		{"OID with large arcs", "2.25.329800735698586629295641978511506172918=a", "2.25.329800735698586629295641978511506172918=a"},
		{"OID with an arc that has a zero before it", "2.05.4.03=a", "CN=a"},
		{"hex of a UTF8String", "2.5.4.97=#0c03414243", "organizationIdentifier=ABC"},
		{"hex of a PrintableString", "O=#1301" + "41,CN=#130142", "O=A,CN=B"},
		{"hex in capitals of what is no text", "O=#040141,CN=#0402FFAB", "O=#040141,CN=#0402ffab"},
	}
	for _, test := range tests {
		n, err := subject.Parse(test.text)
		if err != nil || n.String() != test.want {
			t.Errorf("%s: %s\n got %s, %v\nwant %s", test.name, test.text, n, err, test.want)
		}
	}
}

func TestParseTellsWhatFromDERWouldRefuse(t *testing.T) {
	for text, want := range map[string]subject.Reason{
		"CN=a\x00b":     subject.BadRune,
		`CN=\c3`:        subject.BadString,
		"CN=#1b0141":    subject.BadString,
		"CN=#30800000":  subject.NotDER,
		"CN=a+CN=a":     subject.Repeated,
		"CN=\u202eabc":  subject.BadRune,
		"/CN=a\u200bbc": subject.BadRune,
	} {
		_, err := subject.Parse(text)
		if e, ok := errors.AsType[*subject.AmbiguousError](err); !ok || e.Reason != want {
			t.Errorf("%q: got %v, want the reason %s", text, err, want)
		}
	}
	if _, err := subject.Parse("O=b, CN=a"); errors.As(err, new(*subject.AmbiguousError)) {
		t.Errorf("a name whose order is not known is not refused by FromDER: %v", err)
	}
}

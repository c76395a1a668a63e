package subject_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"os"

	"github.com/sidegate/sidegate/proxy/subject"
)

func ExampleFromDER() {
	text, err := os.ReadFile("testdata/dn-vectors/07-specials.pem")
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	name, err := subject.FromDER(cert.RawSubject)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(name)
	for _, a := range name.Attributes() {
		fmt.Println(a.Type, "is", a.Value)
	}
	// Output:
	// CN=a.example,O=Acme\, Inc. \+ \"Sons\" \\ \<x\>\; y\=z
	// CN is a.example
	// O is Acme, Inc. + "Sons" \ <x>; y=z
}

func ExampleParse() {
	for _, text := range []string{
		`CN=a.example,O=Acme\, Inc.,C=BE`,
		`C = BE, O = "Acme, Inc.", CN = a.example`,
		`/C=BE/O=Acme, Inc./CN=a.example`,
		`commonName=a.example, organizationName="Acme, Inc.", OID.2.5.4.6=#13024245`,
		`O=Acme, CN=a.example`,
	} {
		name, err := subject.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(name)
	}
	// Output:
	// CN=a.example,O=Acme\, Inc.,C=BE
	// CN=a.example,O=Acme\, Inc.,C=BE
	// CN=a.example,O=Acme\, Inc.,C=BE
	// CN=a.example,O=Acme\, Inc.,C=BE
	// name "O=Acme, CN=a.example": at byte 0: no telling which end is the root: OpenSSL writes it first, others last; write it with commas and no blanks, most specific attribute first, as `sidegate subject FILE` prints it
}

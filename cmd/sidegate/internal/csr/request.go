package csr

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/sidegate/sidegate/proxy/subject"
)

// Options say what a request is to hold and where it goes. The zero value asks
// for nothing and is refused.
type Options struct {
	// Subject is a distinguished name in any rendering that subject.Parse reads.
	// Empty means that of Current, byte for byte.
	Subject string

	// Names are all the subject alternative names. With none of them they are
	// those of Current; with neither, or without DNS names, a common name that is
	// a DNS name becomes one of them.
	Names Names

	// Current is the certificate that the request is to renew; nil is none.
	Current *x509.Certificate

	// KeyFile is where the private key is, or is put if there is no such file.
	// It is needed.
	KeyFile string

	// KeyType is one of KeyTypes. A key that exists must be of it. Empty is any
	// for a key that exists, and for a new one that of Current or the default.
	KeyType string

	// Out is the file of the request, which must not exist. Empty is the writer
	// that Write is given.
	Out string
}

// A Request is a signed certificate signing request of which nothing has been
// written yet.
type Request struct {
	options Options
	subject wantedSubject
	names   wantedNames
	key     key
	der     []byte
	signed  *x509.CertificateRequest
}

// A wantedSubject is a Subject in DER and, unless it is empty, as a name.
type wantedSubject struct {
	der  []byte
	name subject.Name
}

// wantedNames are subject alternative names with how they came together.
type wantedNames struct {
	altNames
	extension *pkix.Extension // of the current certificate, taken as it is; nil: made of altNames
	fromCN    string          // the common name that was made a DNS name
}

// Make checks o, reads or makes the key in memory, and returns the request,
// signed. It writes no file. The error joins all that is wrong with o, each in
// one line that says what to write instead.
func Make(o Options) (*Request, error) {
	holder, errHolder := o.wantedSubject()
	names, errNames := o.wantedNames(holder.name)
	k, t, errKey := o.wantedKey()
	err := errors.Join(o.complete(), checkPlaces(o.KeyFile, o.Out), errHolder, errNames, errKey)
	if err != nil {
		return nil, err
	}
	if k.signer == nil {
		if k, err = newKey(t); err != nil {
			return nil, err
		}
	}
	r := &Request{options: o, subject: holder, names: names, key: k}
	return r, r.sign()
}

// complete says what is missing from o.
func (o Options) complete() error {
	var errs []error
	if o.Subject == "" && o.Current == nil {
		errs = append(errs, errors.New(`--subject is missing: write the name that the certificate is to have, like --subject "CN=webhook.example.com,O=Example SA,L=Brussels,C=BE"; --renew takes that of a certificate`))
	}
	if o.KeyFile == "" {
		errs = append(errs, errors.New("--key is missing: name the file of the private key; if it does not exist, a new key is made there"))
	}
	return errors.Join(errs...)
}

// wantedSubject reads the Subject. The current certificate's may be empty, as
// where a SAN alone says who the holder is; what could not be shown is refused.
func (o Options) wantedSubject() (wantedSubject, error) {
	switch {
	case o.Subject != "":
		name, err := parseSubject(o.Subject)
		return wantedSubject{name.DER(), name}, err
	case o.Current == nil:
		return wantedSubject{}, nil
	}
	name, err := subject.FromDER(o.Current.RawSubject)
	if a, ok := errors.AsType[*subject.AmbiguousError](err); ok && a.Reason == subject.Empty {
		err = nil
	}
	if err != nil {
		return wantedSubject{}, fmt.Errorf("--renew: the Subject of the certificate would be refused where it is presented: %w; write another with --subject", err)
	}
	return wantedSubject{o.Current.RawSubject, name}, nil
}

// oidSAN is the extension of subject alternative names (RFC 5280 §4.2.1.6).
var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// wantedNames puts the subject alternative names together.
func (o Options) wantedNames(holder subject.Name) (wantedNames, error) {
	given, err := o.Names.understand()
	if err != nil {
		return wantedNames{}, err
	}
	w := wantedNames{altNames: given}
	if o.Names.none() && o.Current != nil {
		if w, err = namesOf(o.Current); err != nil {
			return wantedNames{}, err
		}
	}
	if len(w.dns) == 0 && w.extension == nil {
		w.fromCN = hostIn(holder)
		if w.fromCN != "" && !w.has(w.fromCN) {
			w.dns = []string{w.fromCN}
		}
	}
	if w.none() && (o.Current != nil || !holder.IsZero()) { // without a holder there is an error already
		return wantedNames{}, errors.New("--dns is missing: clients look for the host name among the subject alternative names and nowhere else; write --dns webhook.example.com, or --ip, --email or --uri if the certificate is for that")
	}
	return w, nil
}

// namesOf takes the names of a certificate as they are, whatever their kinds.
func namesOf(c *x509.Certificate) (wantedNames, error) {
	w := wantedNames{altNames: altNames{dns: c.DNSNames, ip: c.IPAddresses, email: c.EmailAddresses, uri: c.URIs}}
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSAN) {
			continue
		}
		var all []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &all); err != nil || len(rest) > 0 {
			return wantedNames{}, errors.New("--renew: the subject alternative names of the certificate cannot be read; write them with --dns")
		}
		w.other = len(all) - len(w.dns) - len(w.ip) - len(w.email) - len(w.uri)
		w.extension = &e
	}
	return w, nil
}

// hostIn returns the first common name that can only be meant as a DNS name.
func hostIn(n subject.Name) string {
	for _, cn := range commonNames(n) {
		if isHost(cn) {
			return cn
		}
	}
	return ""
}

// commonNames returns the text of each CN of n.
func commonNames(n subject.Name) (values []string) {
	for _, a := range n.Attributes() {
		if a.Type == "CN" && !a.Binary {
			values = append(values, a.Value)
		}
	}
	return values
}

// isHost reports whether cn is a DNS name with a dot in it: "Jane" is more
// likely a person.
func isHost(cn string) bool {
	return misfitDNS(cn) == "" && strings.Contains(cn, ".")
}

// wantedKey returns the key that exists, or the type of the one to make.
func (o Options) wantedKey() (key, keyType, error) {
	if o.KeyFile == "" {
		return key{}, keyType{}, nil // complete has said so
	}
	var current crypto.PublicKey
	if o.Current != nil {
		current = o.Current.PublicKey
	}
	return keyFor(o.KeyFile, o.KeyType, current)
}

// sign makes the DER of the request, and reads it back: what is sent to a CA
// must be what was shown.
func (r *Request) sign() error {
	template := &x509.CertificateRequest{RawSubject: r.subject.der}
	if e := r.names.extension; e != nil {
		template.ExtraExtensions = []pkix.Extension{*e}
	} else {
		template.DNSNames, template.IPAddresses = r.names.dns, r.names.ip
		template.EmailAddresses, template.URIs = r.names.email, r.names.uri
	}
	var err error
	if r.der, err = x509.CreateCertificateRequest(rand.Reader, template, r.key.signer); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	if r.signed, err = x509.ParseCertificateRequest(r.der); err != nil {
		return fmt.Errorf("read the request back: %w; Go, and so Sidegate, could not read the certificate either", err)
	}
	if err := r.signed.CheckSignature(); err != nil {
		return fmt.Errorf("check the signature of the request: %w", err)
	}
	if !bytes.Equal(r.signed.RawSubject, r.subject.der) {
		return errors.New("the request was signed with another Subject than was asked for; it is not written")
	}
	return nil
}

package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the revocation lists. That of a large public CA is 50 MB of DER.
const (
	maxListFile  = 128 << 20
	maxListTotal = 256 << 20
)

// A listFile is what one file of [Files.CRL] holds. Its content is not kept: lists
// are large, and what is needed of one is less.
type listFile struct {
	file  string            // path as configured
	sum   [sha256.Size]byte // of the content
	lists []*CRL
	fault *Fault // why the content cannot be used
	odd   string // what an operator may want to know, or nothing
	code  string // the word for odd
}

// A shelf keeps what the files of revocation lists held when they were read last, by
// path as configured, so that what has not changed is neither read nor parsed again.
type shelf map[string]shelved

type shelved struct {
	listFile
	id   identity
	read time.Time // before the file was opened
}

// known returns the lists of s and of the Bundles by their digest.
func (s shelf) known(bundles ...*Bundle) map[[sha256.Size]byte]*CRL {
	all := make(map[[sha256.Size]byte]*CRL)
	for _, b := range bundles {
		if b != nil {
			for _, c := range b.CRLs {
				all[c.Sum] = c
			}
		}
	}
	for _, kept := range s {
		for _, c := range kept.lists {
			all[c.Sum] = c
		}
	}
	return all
}

// revocations reads the revocation lists.
func (r *reading) revocations(paths []string) {
	for _, path := range paths {
		info, err := r.place(path).stat()
		switch {
		case err != nil:
			r.fault(r.explain(FieldCRL, path, err))
		case info.IsDir():
			r.listDirectory(path)
		default:
			r.list(path, false)
		}
	}
}

// listDirectory reads the lists of a directory by the rules of [Files.CRL].
func (r *reading) listDirectory(path string) {
	names, err := r.place(path).list()
	if err != nil {
		r.fault(r.explain(FieldCRL, path, err))
		return
	}
	found := false
	var reasons []string
	for _, name := range visible(names) {
		file := filepath.Join(path, name)
		switch {
		case !NamesList(name): // nothing is said of it: who replaces a list writes it under another name first
			reasons = append(reasons, name+" by its name")
		case r.isDir(file):
			reasons = append(reasons, name+" as it is a directory")
		case r.list(file, true):
			found = true
		default:
			reasons = append(reasons, name+" by what it holds")
		}
	}
	if !found {
		r.fault(&Fault{Code: CodeCRLEmpty, File: path, Field: FieldCRL, Problem: "holds no revocation list" + because(reasons),
			Fix: "put revocation lists into it under names that end in .crl, .pem or .der, or name the file itself"})
	}
}

// NamesList reports whether a file of a directory in [Files.CRL] is looked at: its name
// ends, in letters of either case, in .crl, .pem or .der, or as OpenSSL names lists by
// the hash of their issuer, in .r0, .r1 and so on.
func NamesList(name string) bool {
	extension := strings.ToLower(filepath.Ext(name))
	if number, ok := strings.CutPrefix(extension, ".r"); ok {
		_, err := strconv.ParseUint(number, 10, 16)
		return err == nil
	}
	return slices.Contains([]string{".crl", ".pem", ".der"}, extension)
}

// list reads one file, or takes from the shelf what it held if it has not changed.
// It reports false if the file is left out of a directory; that it is at fault is
// noted.
func (r *reading) list(path string, listed bool) bool {
	began := time.Now()
	f, info, err := r.place(path).regular()
	if err != nil {
		r.fault(r.explain(FieldCRL, path, err))
		return true
	}
	defer f.Close()
	if info.Size() > min(maxListFile, r.listsLeft) {
		r.fault(r.explain(FieldCRL, path, errTooLarge))
		return true
	}
	r.listsLeft -= info.Size()
	id := identify(info)
	kept, ok := r.shelf[path]
	if !ok || kept.id != id || !id.settled(kept.read) {
		data, err := exactly(f, info.Size())
		if err != nil {
			r.fault(r.explain(FieldCRL, path, err))
			return true
		}
		kept = shelved{listFile: r.lists(path, data), id: id, read: began}
	}
	r.shelved[path] = kept
	found := kept.listFile
	if listed && found.fault != nil && found.fault.Code == CodeCRLEmpty {
		r.odd(path, "is left out: it %s; the revocation lists of a directory are in files of their own", found.fault.Problem)
		return false
	}
	r.crls = append(r.crls, found)
	return true
}

// exactly reads the first size bytes of f, as many as there were when that was asked.
// What grew since is of another state, which the next look will see.
func exactly(f *os.File, size int64) ([]byte, error) {
	data := make([]byte, size)
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:n], err
}

// lists parses a file of revocation lists.
func (r *reading) lists(path string, data []byte) listFile {
	l := listFile{file: path, sum: sha256.Sum256(data)}
	held := holding{lists: [][]byte{data}}
	if len(data) < 2 || data[0] != 0x30 || data[1] < 0x80 { // no text begins like a SEQUENCE of more than 127 octets
		s := source{file: path, field: FieldCRL, data: data}
		if held, l.fault = s.holding(); l.fault != nil {
			l.fault.Field = FieldCRL
			return l
		}
	} else if isCertificate(data) {
		held = holding{certs: 1}
	}
	if l.fault = held.unfit(path); l.fault != nil {
		return l
	}
	if held.keys > 0 {
		l.code, l.odd = CodeStrayKey, "also holds a private key: a revocation list needs none, and this one should not be here"
	}
	for i, der := range held.lists {
		c, fault := r.parseList(path, der)
		if fault != nil {
			if len(held.lists) > 1 {
				fault.Problem = fmt.Sprintf("list %d of the file: %s", i+1, fault.Problem)
			}
			l.lists, l.fault = nil, fault
			return l
		}
		held.lists[i] = nil // it may be large
		l.lists = append(l.lists, c)
	}
	return l
}

// parseList parses one list, or shares it with those that are known.
func (r *reading) parseList(path string, der []byte) (*CRL, *Fault) {
	known := r.known[sha256.Sum256(der)]
	if known == nil {
		var err error
		if known, err = ParseCRL(der); err != nil {
			return nil, listFault(path, err)
		}
	}
	if known.File != path {
		renamed := *known
		renamed.File = path
		known = &renamed
	}
	r.known[known.Sum] = known
	return known, nil
}

// isCertificate reports whether data is a certificate in DER.
func isCertificate(data []byte) bool {
	if len(data) > maxPresentedBytes {
		return false
	}
	certs, err := x509.ParseCertificates(data)
	return err == nil && len(certs) > 0
}

// A holding is what a file that should hold revocation lists does hold.
type holding struct {
	lists [][]byte // DER
	certs int
	keys  int
	other []string // labels of blocks of any other kind
}

// holding decodes the PEM of s.
func (s *source) holding() (h holding, fault *Fault) {
	blocks, fault := s.blocks()
	if fault != nil {
		return h, fault
	}
	for _, b := range blocks {
		switch {
		case b.Type == blockCRL:
			h.lists = append(h.lists, b.Bytes)
		case strings.HasSuffix(b.Type, blockCertificate):
			h.certs++
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			h.keys++
		case strings.HasSuffix(b.Type, "PARAMETERS"):
		default:
			h.other = append(h.other, knownLabel(b.Type))
		}
	}
	return h, nil
}

// unfit returns why h is no file of revocation lists, or nil.
func (h *holding) unfit(path string) *Fault {
	if len(h.lists) > 0 && len(h.other) > 0 {
		return &Fault{Code: CodeWrongPEM, File: path, Field: FieldCRL, Problem: "holds a PEM block of type " + strconv.Quote(h.other[0]) + " beside revocation lists",
			Fix: "leave only blocks of type " + blockCRL + " in it"}
	}
	if len(h.lists) > 0 {
		return nil
	}
	what := "a PEM block of another kind"
	switch {
	case h.keys > 0 && h.certs > 0:
		what = "certificates and a private key"
	case h.keys > 0:
		what = "a private key"
	case h.certs > 0:
		what = "certificates"
	case len(h.other) > 0 && h.other[0] != anotherKind:
		what = "a PEM block of type " + strconv.Quote(h.other[0])
	}
	return &Fault{Code: CodeCRLEmpty, File: path, Field: FieldCRL, Problem: "holds no revocation list, only " + what,
		Fix: "name the file that the CA publishes as its revocation list, often ending in .crl; certificates of CAs belong into clientCA"}
}

// listFault turns an error of [ParseCRL] or [CRL.CheckSignatureFrom] into a Fault.
func listFault(path string, err error) *Fault {
	f := &Fault{Code: CodeCRLMalformed, File: path, Field: FieldCRL, Problem: shorten(fmt.Sprintf("%q", err)), Err: err}
	if code := codeOf(err); code != "" {
		f.Code, f.Problem = code, err.Error()
	}
	switch f.Code {
	case CodeCRLDelta:
		f.Fix = "use the complete list of the CA; its certificates say in cRLDistributionPoints where that is"
	case CodeCRLIndirect:
		f.Fix = "use a list that the CA issues itself, of its own certificates"
	case CodeCRLScoped:
		f.Fix = "ask the CA for one list of all its certificates, without issuingDistributionPoint"
	case CodeCRLCriticalExtension, CodeCRLWeakSignature, CodeCRLNoNextUpdate:
		f.Fix = "ask the CA for a list as RFC 5280 §5 wants it, and leave this one out until then"
	case CodeCRLIssuer, CodeCRLSignature:
		f.Fix = "get the list again from the CA that is in clientCA; if its key was renewed, add the new certificate of the CA there"
	default:
		f.Fix = "get the list again from its CA; openssl crl -text shows what it holds"
	}
	return f
}

// codeOf returns the code of a [*CRLError], or nothing.
func codeOf(err error) string {
	var of *CRLError
	if !errors.As(err, &of) {
		return ""
	}
	return of.Code
}

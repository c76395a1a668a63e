package certs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Files says where the PEM lies.
type Files struct {
	// Certificate is a directory with tls.crt and tls.key, or one file with
	// key and chain. Empty: there is none.
	Certificate string
	// Key is the file of the key when it does not lie with Certificate.
	Key string
	// CA are PEM files, or directories of them: the trust anchors. One file may
	// also be DER, as public CAs hand out their certificates.
	//
	// Of a directory, the files count whose name ends in .crt, .pem or .cer or
	// begins with "ca-bundle", and does not begin with a dot; directories below
	// it do not. A Secret often holds a served certificate beside ca.crt, which
	// must not become an anchor by accident. So of a directory these are left
	// out: tls.crt; a file with a .key of the same name beside it; a file with a
	// private key in it; a file that starts with a certificate that is not a
	// CA's. Whoever wants them as anchors names the file itself. Each is a
	// warning, but for a tls.crt beside its tls.key.
	CA []string
	// CRL are files with revocation lists (RFC 5280 §5), or directories of them. A
	// file holds one list in DER, or any number of them in PEM, whose blocks are of
	// type X509 CRL; certificates beside those are passed over.
	//
	// Of a directory, the files count whose name ends in .crl, .pem, .der, or .r and a
	// number, in any case, and does not begin with a dot; directories below it do not.
	// Of those, a file without a list in it is left out, with a warning, as the
	// certificate of a CA often lies beside its list. A directory without any list is
	// a Fault.
	CRL []string
}

// Bounds of what is read, but for revocation lists. A Secret or ConfigMap cannot
// exceed 1 MiB; the whole Mozilla root list is 200 KiB.
const (
	maxFile  = 8 << 20
	maxTotal = 64 << 20
	// maxTries bounds how often a reading starts again because the volume was
	// replaced meanwhile. A kubelet does that once a minute at most.
	maxTries = 10
)

// dataLink is the link a kubelet swaps to replace all files of a volume at once.
const dataLink = "..data"

// A material is what was read in one pass, not yet understood.
type material struct {
	certificate *source // nil: none is configured, or it could not be read
	key         *source // nil: as above, or it lies in the same file
	keyApart    bool    // the key has a file of its own, readable or not
	ca          []source
	crls        []listFile
	faults      []*Fault
	oddities    []oddity          // of the directories
	sum         [sha256.Size]byte // over everything read and everything that could not be
}

// A source is the content of one file.
type source struct {
	file   string // path as configured
	field  string // of Files
	data   []byte
	listed bool // found in a directory, not named itself
}

// An oddity is what an operator may want to know of a file, though it is no fault.
type oddity struct{ file, text string }

// read reads all files. What could not be read is in the faults of the result.
// Files of one volume are of one generation. Revocation lists that did not change
// are taken from the shelf, or shared with the Bundles, which may be nil; what they
// are now is put on the shelf.
func (f Files) read(lists *shelf, bundles ...*Bundle) material {
	known := lists.known(bundles...)
	for range maxTries {
		r := reading{volumes: map[string]*volume{}, left: maxTotal, shelf: *lists, shelved: shelf{}, known: known, listsLeft: maxListTotal}
		r.all(f)
		if r.close() {
			*lists = r.shelved
			r.sum = r.digest()
			return r.material
		}
	}
	m := material{faults: []*Fault{{
		Code: CodeChanging, File: shorten(strings.Join(f.paths(), ", ")),
		Problem: fmt.Sprintf("was replaced %d times while it was being read", maxTries),
		Fix:     "find out what keeps writing it; it is read again at the next change",
	}}}
	m.sum = m.digest()
	return m
}

// paths returns every path of f, as configured.
func (f Files) paths() []string {
	all := slices.Concat([]string{f.Certificate, f.Key}, f.CA, f.CRL)
	return slices.DeleteFunc(all, func(p string) bool { return p == "" })
}

// digest tells one content from another. Problems count as content, so that a
// fault that turns into another is noticed.
func (m *material) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	add := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	sources := slices.Clone(m.ca)
	for _, s := range []*source{m.certificate, m.key} {
		if s != nil {
			sources = append(sources, *s)
		}
	}
	for _, s := range sources {
		add([]byte(s.file))
		add(s.data)
	}
	for _, l := range m.crls {
		add([]byte(l.file))
		add(l.sum[:])
	}
	for _, f := range m.faults {
		add([]byte(f.Code + f.Error()))
	}
	for _, o := range m.oddities {
		add([]byte(o.file))
		add([]byte(o.text))
	}
	h.Sum(sum[:0])
	return sum
}

// A reading is one pass over all files.
type reading struct {
	material
	volumes map[string]*volume // by directory
	left    int64              // bytes that may still be read

	// Of the revocation lists.
	shelf, shelved shelf // of the reading before, and of this one
	known          map[[sha256.Size]byte]*CRL
	listsLeft      int64
}

func (r *reading) all(f Files) {
	if f.Certificate != "" {
		r.pair(f)
	}
	for _, path := range f.CA {
		info, err := r.place(path).stat()
		switch {
		case err != nil:
			r.fault(r.explain(FieldCA, path, err))
		case info.IsDir():
			r.directory(path)
		default:
			if s := r.file(FieldCA, path); s != nil {
				r.ca = append(r.ca, *s)
			}
		}
	}
	r.revocations(f.CRL)
}

// pair reads our own certificate and its key.
func (r *reading) pair(f Files) {
	info, err := r.place(f.Certificate).stat()
	if err != nil {
		r.fault(r.explain(FieldCertificate, f.Certificate, err))
		return
	}
	certificate, key, keyField := f.Certificate, f.Key, FieldKey
	if info.IsDir() {
		certificate = filepath.Join(f.Certificate, "tls.crt")
		if key == "" {
			key, keyField = filepath.Join(f.Certificate, "tls.key"), FieldCertificate
		}
	}
	r.certificate = r.file(FieldCertificate, certificate)
	if key != "" {
		r.keyApart = true
		r.key = r.file(keyField, key)
	}
}

// file reads one file, or notes why it cannot.
func (r *reading) file(field, path string) *source {
	data, err := r.place(path).read(min(maxFile, r.left))
	if err != nil {
		r.fault(r.explain(field, path, err))
		return nil
	}
	r.left -= int64(len(data))
	return &source{file: path, field: field, data: data}
}

func (r *reading) fault(f *Fault) { r.faults = append(r.faults, f) }

var (
	errNotAFile = errors.New("not a regular file")
	errTooLarge = errors.New("too large")
)

// explain turns an error of the file system into a Fault.
func (r *reading) explain(field, path string, err error) *Fault {
	f := &Fault{File: path, Field: field, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Code, f.Problem = CodeMissing, "does not exist"+r.neighbours(path)
		f.Fix = "check the name and that the volume is mounted; if the file has another name, write that"
	case errors.Is(err, fs.ErrPermission):
		info, _ := r.place(path).stat()
		f.Code, f.Problem = CodeUnreadable, denied(info, os.Geteuid())
		f.Fix = "give the volume defaultMode: 0440 and the pod an fsGroup, or use defaultMode: 0444 in a volume that only this container mounts"
	case errors.Is(err, errNotAFile):
		f.Code, f.Problem = CodeNotAFile, "is not a regular file"
		f.Fix = "name a file, or a directory where one is expected"
	case errors.Is(err, errTooLarge):
		f.Code = CodeTooLarge
		f.Problem = fmt.Sprintf("is larger than the %d MiB that a file, or the %d MiB that all files together may have", maxFile>>20, maxTotal>>20)
		f.Fix = "leave only PEM certificates and keys in it"
		if field == FieldCRL {
			f.Problem = fmt.Sprintf("is larger than the %d MiB that a file of revocation lists, or the %d MiB that all of them together may have", maxListFile>>20, maxListTotal>>20)
			f.Fix = "ask the CA for a list without the certificates that have expired"
		}
	default:
		f.Code, f.Problem = CodeUnreadable, "cannot be read: "+err.Error()
		f.Fix = "look at the volume and the node it is on"
	}
	return f
}

// denied tells whose file it is and who we are: the two halves of every
// permission problem in a pod.
func denied(info fs.FileInfo, uid int) string {
	text := fmt.Sprintf("may not be read by user %d", uid)
	if info == nil {
		return text
	}
	text += fmt.Sprintf(": its mode is %04o", info.Mode().Perm())
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(", its owner %d, its group %d", owner.Uid, owner.Gid)
	}
	return text
}

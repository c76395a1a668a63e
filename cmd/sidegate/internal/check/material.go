package check

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// A file is what lies in one file, or under one key of a manifest.
type file struct {
	name     string // as it was named; "FILE: KIND/NAME: KEY" in a manifest
	manifest bool
	lists    []*certs.CRL // the revocation lists in it that can be used
	certs.Inspection
}

// operand returns f as a word of a shell command, or placeholder if it is no
// file of its own.
func (f *file) operand(placeholder string) string {
	if f.manifest {
		return placeholder
	}
	return quoted(f.name)
}

// A placed certificate is one of which it is known where it lies.
type placed struct {
	cert *x509.Certificate
	file *file
	at   int // index in the file
}

func (f *file) placed() (all []placed) {
	for i, c := range f.Certificates {
		all = append(all, placed{c, f, i})
	}
	return all
}

// A group are files that belong together: of one directory or Secret, or those
// that were named side by side.
type group struct {
	files  []*file
	paired bool  // mounted, or a TLS Secret: tls.crt and tls.key belong there
	served *file // the certificate that was named as one; others then only complete it

	// judge asks package certs about a pair, so that nothing passes here that a
	// sidecar would refuse. Nil: it is asked elsewhere, or there is no pair.
	judge func() []*certs.Fault
}

// Bounds of what is looked at in one directory or manifest.
const (
	maxFiles     = 1000
	maxManifests = 1000
	maxTotal     = 64 << 20 // bytes of all files together
)

// The keys of a Secret of type kubernetes.io/tls.
const certificateKey, privateKey = "tls.crt", "tls.key"

// gather reads what was named side by side: one group of the loose files, and
// one for each mounted directory and each Secret.
func (r *Report) gather(paths []string) []*group {
	loose := &group{}
	groups := []*group{loose}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			groups = append(groups, r.directory(path)...)
		default:
			files, more := r.open(path)
			loose.files, groups = append(loose.files, files...), append(groups, more...)
		}
	}
	return slices.DeleteFunc(groups, func(g *group) bool { return len(g.files) == 0 })
}

// directory reads a directory: as a whole if it is a mounted TLS Secret, else
// each file in it that may hold a certificate, a key or a manifest.
func (r *Report) directory(dir string) (groups []*group) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.add(Finding{Word: certs.CodeUnreadable, Severity: Error, File: dir, Problem: "the directory cannot be listed: " + cause(err),
			Fix: "give the user that runs sidegate read permission, or name the files"})
		return nil
	}
	r.cut(dir, len(entries), maxFiles, "files in the directory")
	inside := &group{}
	for _, e := range entries[:min(len(entries), maxFiles)] {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || info.IsDir() || strings.HasPrefix(e.Name(), ".") || !speaking(e.Name()) {
			continue
		}
		inside.paired = inside.paired || e.Name() == certificateKey || e.Name() == privateKey
		files, more := r.open(path)
		inside.files, groups = append(inside.files, files...), append(groups, more...)
	}
	if len(inside.files)+len(groups) == 0 {
		r.add(Finding{Word: certs.CodeNoCertificate, Severity: Error, File: dir, Problem: "no file in this directory has the name of a certificate, a key or a manifest",
			Fix: "name the files, or the directory in which tls.crt and tls.key lie"})
	}
	if inside.paired {
		r.wantsPair(dir, inside, filepath.Join)
		inside.judge = func() []*certs.Fault {
			_, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{})
			return certs.Faults(err)
		}
	}
	return append(groups, inside)
}

// speaking reports whether a file of this name may be of interest in a directory.
func speaking(name string) bool {
	kinds := []string{".crt", ".pem", ".cer", ".der", ".key", ".csr", ".yaml", ".yml", ".json"}
	return namesList(name) || slices.Contains(kinds, strings.ToLower(filepath.Ext(name)))
}

// wantsPair says what of tls.crt and tls.key is not there.
func (r *Report) wantsPair(where string, g *group, join func(...string) string) {
	for _, key := range []string{certificateKey, privateKey} {
		name := join(where, key)
		if !slices.ContainsFunc(g.files, func(f *file) bool { return f.name == name }) {
			r.add(Finding{Word: certs.CodeMissing, Severity: Error, File: name, Problem: fmt.Sprintf("there is no %s", key),
				Fix: "store the certificate with its chain under tls.crt and its private key under tls.key, as kubectl create secret tls does"})
		}
	}
}

// open reads one file: what is in it, or what the manifests in it hold.
func (r *Report) open(path string) (files []*file, groups []*group) {
	data, ok := r.read(path)
	if !ok {
		return nil, nil
	}
	// The PEM in a manifest is indented or encoded, so that it is none to this; and
	// comments in PEM may say anything.
	if block, _ := pem.Decode(data); block == nil && config.LooksLikeManifest(data) {
		return nil, r.manifests(path, data)
	}
	f := r.inspect(path, data)
	r.keep(f)
	return []*file{f}, nil
}

// keep remembers f if there are revocation lists in it.
func (r *Report) keep(f *file) {
	if len(f.lists) > 0 {
		r.withLists = append(r.withLists, f)
	}
}

// cut says that there is more than is looked at: what is wrong may be in that.
func (r *Report) cut(where string, n, most int, what string) {
	if n > most {
		r.add(Finding{Word: certs.CodeTooLarge, Severity: Error, File: where, Problem: fmt.Sprintf("there are %d %s; only the first %d are looked at", n, what, most),
			Fix: "look at fewer of them at once"})
	}
}

// load reads one file that is named for its certificates.
func (r *Report) load(path string) *file {
	data, ok := r.read(path)
	if !ok {
		return nil
	}
	return r.inspect(path, data)
}

// read returns the content of a file, or says why not.
func (r *Report) read(path string) (data []byte, ok bool) {
	data, err := certs.ReadFile(path)
	if err != nil {
		faults := certs.Faults(err)
		if faults[0].Code == certs.CodeTooLarge {
			if data, ok := r.large(path); ok {
				return data, true
			}
		}
		r.faults("", faults)
		return nil, false
	}
	if r.left -= len(data); r.left < 0 {
		r.add(Finding{Word: certs.CodeTooLarge, Severity: Error, File: path, Problem: fmt.Sprintf("all files together have more than %d MiB; this one is not looked into", maxTotal>>20),
			Fix: "look at fewer of them at once"})
		return nil, false
	}
	return data, true
}

// inspect looks into the content of a file, and says what cannot be understood.
func (r *Report) inspect(name string, data []byte) *file {
	f := &file{name: name}
	ders, only := listsIn(name, data)
	if f.lists = r.parse(name, ders); only {
		return f
	}
	f.Inspection = certs.Inspect(name, data)
	r.known = append(r.known, f.placed()...)
	for _, fault := range f.Faults {
		if fault.Code == certs.CodeBadCertificate && negativeSerial(data) {
			r.add(Finding{Word: wordNegativeSerial, Severity: Error, File: name, Problem: "a certificate has a negative serial number, which RFC 5280 §4.1.2.2 forbids: Go refuses to read it, OpenSSL does not",
				Fix: "ask the issuer for another certificate", PeersSay: []Saying{{"Go", "x509: negative serial number"}}})
			continue
		}
		r.faults("", []*certs.Fault{fault})
	}
	for _, kind := range f.Others {
		if strings.HasSuffix(kind, "CERTIFICATE REQUEST") {
			r.add(Finding{Word: wordRequest, Severity: Note, File: name, Problem: "holds a certificate signing request, which is no certificate",
				Fix: "send it to the CA, and use what comes back"})
		}
	}
	return f
}

// manifests reads the Secrets and ConfigMaps of a file, each as a group.
func (r *Report) manifests(path string, data []byte) (groups []*group) {
	found, err := config.Manifests(data)
	if err != nil {
		r.add(Finding{Word: wordBadManifest, Severity: Error, File: path, Problem: err.Error(), Fix: "mend the manifest; kubectl apply --dry-run=server -f FILE tells what the API server says"})
	}
	if err == nil && len(found) == 0 {
		r.add(Finding{Word: wordBadManifest, Severity: Error, File: path, Problem: "there is no Secret and no ConfigMap in these manifests",
			Fix: "name the file with the Secret; of a Certificate of cert-manager, look at the Secret that it makes: kubectl get secret NAME -o yaml"})
	}
	r.cut(path, len(found), maxManifests, "Secrets and ConfigMaps in the file")
	for i := range found[:min(len(found), maxManifests)] {
		groups = append(groups, r.manifest(path, &found[i]))
	}
	return groups
}

func (r *Report) manifest(path string, m *config.Manifest) *group {
	name := func(parts ...string) string { return parts[0] + ": " + parts[1] }
	where := path + ": " + m.String()
	g := &group{}
	r.cut(where, len(m.Files), maxFiles, "keys in the manifest")
	for _, key := range slices.Sorted(maps.Keys(m.Files))[:min(len(m.Files), maxFiles)] {
		common := key == certificateKey || key == privateKey
		g.paired = g.paired || common
		if common || namesList(key) || holds(m.Files[key]) {
			f := r.inspect(name(where, key), m.Files[key])
			f.manifest = true
			r.keep(f)
			g.files = append(g.files, f)
		}
	}
	if g.paired = g.paired || m.Type == "kubernetes.io/tls"; g.paired {
		r.wantsPair(where, g, name)
		g.judge = func() []*certs.Fault {
			faults := certs.Contents(m.Files).JudgePair(r.Now).Faults
			for _, f := range faults {
				f.File = name(where, f.File)
			}
			return faults
		}
	}
	return g
}

// holds reports whether a value may hold a certificate or a key: other values of
// a ConfigMap are nobody's business here.
func holds(value []byte) bool {
	if strings.Contains(string(value), "-----BEGIN") {
		return true
	}
	_, err := x509.ParseCertificates(value)
	return err == nil && len(value) > 0 || isList(value)
}

// faults takes Faults of package certs into the Report: same words, same texts.
func (r *Report) faults(listener string, faults []*certs.Fault) {
	for _, f := range faults {
		// That the key is that of the CA in the chain is no matter of order.
		mismatched := f.Code == certs.CodeChainOrder && slices.ContainsFunc(r.Findings, func(g Finding) bool { return g.Word == certs.CodeKeyMismatch })
		if !mismatched && !r.knows(f.Code, f.File) {
			r.add(Finding{Word: f.Code, Severity: Error, Listener: listener, File: f.File, Problem: f.Problem, Fix: f.Fix, PeersSay: sayings[f.Code]})
		}
	}
}

// cause is the reason of err without the path, which is shown beside it.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// negativeSerial reports whether a certificate in data has a serial number below
// zero. Package x509 tells that in its text alone.
func negativeSerial(data []byte) bool {
	ders := [][]byte{data}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		ders = append(ders, block.Bytes)
	}
	return slices.ContainsFunc(ders, func(der []byte) bool {
		var c struct {
			TBS struct {
				Version int `asn1:"optional,explicit,default:0,tag:0"`
				Serial  *big.Int
			}
		}
		_, err := asn1.Unmarshal(der, &c)
		return err == nil && c.TBS.Serial.Sign() < 0
	})
}

// samePublicKey reports whether two public keys are equal.
func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

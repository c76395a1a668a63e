package check

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// A List is a certificate revocation list that was looked at (RFC 5280 §5).
type List struct {
	File       string    `json:"file"`
	Issuer     string    `json:"issuer"`
	Number     string    `json:"number,omitempty"` // decimal; empty if it has none
	KeyID      string    `json:"keyID,omitempty"`  // authority key identifier, hex
	ThisUpdate time.Time `json:"thisUpdate"`
	NextUpdate time.Time `json:"nextUpdate"`
	Entries    int       `json:"entries"`  // how many certificates it revokes
	SignedBy   string    `json:"signedBy"` // the CA whose key the signature is of; empty: it is not at hand, or there is none
	SignerFile string    `json:"signerFile,omitempty"`
	sum        [32]byte
}

// Bounds of the files of revocation lists, as package certs has them.
const (
	maxListFile  = 128 << 20
	maxListTotal = 256 << 20
)

// listBlock is the type of a revocation list in PEM (RFC 7468 §6).
const listBlock = "X509 CRL"

// namesList reports whether a file of this name is a list, whatever is in it:
// openssl rehash calls them by the hash of their issuer, with .r0, .r1 and so on.
func namesList(name string) bool {
	extension := strings.ToLower(filepath.Ext(name))
	return extension == ".crl" || len(extension) > 2 && strings.HasPrefix(extension, ".r") && strings.Trim(extension[2:], "0123456789") == ""
}

// listsIn returns the revocation lists in a file, in DER. only: there is nothing
// else in it.
func listsIn(name string, data []byte) (ders [][]byte, only bool) {
	if len(data) > 0 && data[0] == 0x30 && (isList(data) || namesList(name)) { // a SEQUENCE, as no text begins
		if _, err := x509.ParseCertificates(data); err != nil {
			return [][]byte{data}, true
		}
	}
	if !bytes.Contains(data, []byte("-----BEGIN "+listBlock)) {
		return nil, false
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == listBlock {
			ders = append(ders, block.Bytes)
		}
	}
	return ders, len(ders) == bytes.Count(data, []byte("-----BEGIN"))
}

// isList reports whether data is built like a list: its fourth part is a time,
// where that of a certificate is a pair of them.
func isList(data []byte) bool {
	var list struct {
		TBS struct {
			Version    int `asn1:"optional"`
			Algorithm  asn1.RawValue
			Issuer     asn1.RawValue
			ThisUpdate asn1.RawValue
		}
	}
	_, err := asn1.Unmarshal(data, &list)
	t := list.TBS.ThisUpdate
	return err == nil && t.Class == asn1.ClassUniversal && (t.Tag == asn1.TagUTCTime || t.Tag == asn1.TagGeneralizedTime)
}

// large reads a file that is too large for anything but a revocation list. It
// reports false if it is none, or even larger.
func (r *Report) large(path string) (data []byte, ok bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > min(maxListFile, r.listsLeft) {
		return nil, false
	}
	data = make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, false
	}
	r.listsLeft -= info.Size()
	_, only := listsIn(path, data)
	return data, only
}

// glance looks into a file, or those of a directory that may be of interest, of
// which it has been said what is wrong with them.
func (r *Report) glance(path string) (files []*file) {
	paths := []string{path}
	if entries, err := os.ReadDir(path); err == nil {
		paths = nil
		for _, e := range entries[:min(len(entries), maxFiles)] {
			if !strings.HasPrefix(e.Name(), ".") && speaking(e.Name()) {
				paths = append(paths, filepath.Join(path, e.Name()))
			}
		}
	}
	said := slices.Clone(r.Findings)
	for _, one := range paths {
		if info, err := os.Stat(one); err != nil || info.IsDir() {
			continue
		}
		if data, ok := r.read(one); ok {
			files = append(files, r.inspect(one, data))
		}
	}
	r.Findings = said
	return files
}

// passedOver warns of revocation lists in the directories of crl that no sidecar looks
// at, because of their names: whoever put them there believes that they count. A
// running one says nothing of them, as whoever replaces a list writes it under another
// name first.
func (r *Report) passedOver(listener string, paths []string) {
	for _, dir := range paths {
		entries, _ := os.ReadDir(dir) // what is none, and what cannot be listed, has been told
		for _, e := range entries[:min(len(entries), maxFiles)] {
			path := filepath.Join(dir, e.Name())
			if strings.HasPrefix(e.Name(), ".") || certs.NamesList(e.Name()) || !r.holdsList(path) {
				continue
			}
			r.add(Finding{Word: certs.CodeLeftOut, Severity: Warning, Listener: listener, File: path,
				Problem: "it holds a revocation list, which does not count: of a directory, sidecars look at files whose names end in .crl, .pem or .der",
				Fix:     "give it such a name; or take it out of the directory if it is not to count"})
		}
	}
}

// holdsList reports whether there is a revocation list in a file that can be read.
func (r *Report) holdsList(path string) bool {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return false
	}
	said := slices.Clone(r.Findings)
	data, _ := r.read(path)
	r.Findings = said
	lists, _ := listsIn(filepath.Base(path), data)
	return len(lists) > 0
}

// parse reads the lists of a file, and says what cannot be used.
func (r *Report) parse(name string, ders [][]byte) (lists []*certs.CRL) {
	for i, der := range ders {
		c, err := certs.ParseCRL(der)
		if err != nil {
			f := unfit(name, err)
			if len(ders) > 1 {
				f.Problem = fmt.Sprintf("list %d of the file: %s", i+1, f.Problem)
			}
			r.add(f)
			continue
		}
		c.File = name
		lists = append(lists, c)
	}
	return lists
}

// unfit makes a Finding of an error of package certs about a list.
func unfit(name string, err error) Finding {
	f := Finding{Word: certs.CodeCRLMalformed, Severity: Error, File: name, Problem: err.Error()}
	if of, ok := errors.AsType[*certs.CRLError](err); ok {
		f.Word = of.Code
	}
	f.Fix = listFixes[f.Word]
	return f
}

// show takes c into the Report, once.
func (r *Report) show(c *certs.CRL, signer placed) {
	l := List{File: plain(c.File), Issuer: plain(c.Issuer), KeyID: hex.EncodeToString(c.KeyID),
		ThisUpdate: c.ThisUpdate, NextUpdate: c.NextUpdate, Entries: c.Entries, sum: c.Sum}
	if c.Number != nil {
		l.Number = c.Number.String()
	}
	if signer.cert != nil {
		l.SignedBy, l.SignerFile = nameOf(signer.cert), plain(signer.file.name)
	}
	i := slices.IndexFunc(r.Lists, func(o List) bool { return o.File == l.File && o.sum == l.sum })
	switch {
	case i < 0:
		r.Lists = append(r.Lists, l)
	case r.Lists[i].SignerFile == "":
		r.Lists[i] = l
	}
}

// write tells of l to people.
func (l *List) write(b *strings.Builder, now time.Time) {
	fmt.Fprintf(b, "  revocation list of %s\n", l.Issuer)
	line := func(what, text string) { fmt.Fprintf(b, "     %-9s %s\n", what, text) }
	if l.Number != "" {
		line("number", l.Number)
	}
	state := "expired"
	if now.Before(l.NextUpdate) {
		state = span(l.NextUpdate.Sub(now)) + " left"
	}
	line("valid", fmt.Sprintf("%s to %s, %s", l.ThisUpdate.Format(time.RFC3339), l.NextUpdate.Format(time.RFC3339), state))
	line("entries", fmt.Sprint(l.Entries))
	if l.SignerFile == "" {
		line("signature", "not checked: no certificate of its CA at hand has the key")
		return
	}
	line("signature", fmt.Sprintf("good, of %s in %s", l.SignedBy, l.SignerFile))
}

// span words a time ahead or past, in the largest unit of which there are two.
func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.of); n >= 2 || n == 1 && unit.name == "minute" {
			return plural(n, unit.name)
		}
	}
	return "less than a minute"
}

package csr

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/proxy/subject"
)

// Words shows the request to a person: lines of what is in it, then a line that
// begins with "warning:" for each thing that looks odd. Text from outside is in
// quotes where it has anything but plain ASCII.
func (r *Request) Words() string {
	var b strings.Builder
	b.WriteString("certificate signing request:\n")
	line := func(head, text string) { fmt.Fprintf(&b, "  %-12s%s\n", head, text) }
	line("Subject", r.shownSubject())
	for _, a := range r.subject.name.Attributes() {
		line("", fmt.Sprintf("%-24s%s", a.LongName(), quote(a.Value)))
	}
	head := "Names"
	for _, name := range r.shownNames() {
		line(head, name)
		head = ""
	}
	public := r.key.signer.Public()
	line("Key", label(public)+", "+r.shownKey())
	if r.key.made && r.options.KeyType == "" && r.options.Current == nil {
		line("", "a signature takes under 0.1 ms, with RSA-4096 4 to 20 ms; if RSA is asked for: --key-type rsa-4096")
	}
	line("Public key", fmt.Sprintf("SHA-256 %x", fingerprint(public)))
	line("Signature", r.signed.SignatureAlgorithm.String())
	for _, w := range r.warnings() {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// fingerprint is the SHA-256 of the DER of the SubjectPublicKeyInfo, which
// rules know as spkiSHA256.
func fingerprint(public crypto.PublicKey) [sha256.Size]byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic("csr: the key signed, and cannot be encoded: " + err.Error())
	}
	return sha256.Sum256(der)
}

func (r *Request) shownSubject() string {
	switch {
	case r.subject.name.IsZero():
		return "none, as in the current certificate; the names below say who the holder is"
	case r.options.Subject == "":
		return r.subject.name.String() + " (byte for byte that of the current certificate)"
	}
	return r.subject.name.String()
}

// shownNames are the subject alternative names, a line each.
func (r *Request) shownNames() (lines []string) {
	n := r.names
	for _, name := range n.dns {
		note := ""
		if name == n.fromCN {
			note = " (from the common name, as there is no --dns)"
		}
		lines = append(lines, "DNS "+quote(name)+note)
	}
	for _, ip := range n.ip {
		lines = append(lines, "IP "+ip.String())
	}
	for _, mailbox := range n.email {
		lines = append(lines, "email "+quote(mailbox))
	}
	for _, uri := range n.uri {
		lines = append(lines, "URI "+quote(uri.String()))
	}
	if n.other > 0 {
		lines = append(lines, fmt.Sprintf("%d of other kinds, taken from the current certificate as they are", n.other))
	}
	return lines
}

// shownKey says what becomes of the key.
func (r *Request) shownKey() string {
	var text string
	if r.key.made {
		text = fmt.Sprintf("new, goes to %q with mode 0600", r.options.KeyFile)
	} else {
		text = fmt.Sprintf("kept, in %q", r.options.KeyFile)
	}
	switch current := r.options.Current; {
	case current == nil:
		return text
	case r.key.made:
		return text + ": replaces that of the current certificate"
	case samePublic(r.key.signer.Public(), current.PublicKey):
		return text + ": that of the current certificate"
	}
	return text + ": not that of the current certificate"
}

func samePublic(a, b crypto.PublicKey) bool {
	known, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && known.Equal(b)
}

// warnings are what no standard forbids and yet is seldom meant.
func (r *Request) warnings() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if loose := r.key.loose; loose != "" {
		add("the private key in %q can be %s by others than its owner; mend it with: chmod 600 FILE", r.options.KeyFile, loose)
	}
	for _, cn := range commonNames(r.subject.name) {
		switch {
		case r.names.has(cn):
		case isHost(cn):
			add("the common name %s is not among the names, and clients look there alone; add --dns %[1]s, or leave the CN out", quote(cn))
		default:
			add("the common name %s is not among the names; public CAs take one of these alone", quote(cn))
		}
	}
	if slices.ContainsFunc(r.names.dns, func(name string) bool { return strings.HasPrefix(name, "*.") }) {
		add("a wildcard holds for every host of one level; whoever has this key can be each of them")
	}
	if !r.subject.name.IsZero() {
		if !r.hasType("O") {
			add("there is no organization (O); an OV or EV certificate has the legal name of the company there, as in the trade register")
		}
		if r.hasType("OU") {
			add("public CAs have not issued OU since 2022: expect a Subject without it, or a refusal")
		}
	}
	if _, ok := r.key.signer.Public().(ed25519.PublicKey); ok {
		add("no public CA issues for Ed25519 keys, and not every peer knows them; ECDSA P-256 is known to all")
	}
	return lines
}

func (r *Request) hasType(short string) bool {
	return slices.ContainsFunc(r.subject.name.Attributes(), func(a subject.Attribute) bool { return a.Type == short })
}

// quote returns s as it is if it is plain, and else in quotes, with escapes for
// whatever is not printable.
func quote(s string) string {
	plain := func(c rune) bool { return '!' <= c && c <= '~' && c != '"' && c != '\\' && c != '\'' && c != '`' }
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }) {
		return s
	}
	const most = 300
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

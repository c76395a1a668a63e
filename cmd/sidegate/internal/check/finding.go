package check

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity says what a Finding means for those who have to live with it.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // it will not work
	Warning Severity = "warning" // some peers will refuse it, or all of them soon
	Note    Severity = "note"    // worth knowing, nothing to mend
)

// The words of this package. Beside them a Finding may have those of package
// certs (its Code and Reason constants) and of package policy (its Reasons).
// They are stable: scripts may rely on them.
const (
	wordMissingIntermediate = "missing-intermediate"
	wordWrongRoot           = "wrong-root"
	wordSelfSigned          = "self-signed"
	wordDuplicate           = "duplicate-certificate"
	wordRootIncluded        = "root-included"
	wordUnrelated           = "unrelated-certificate"
	wordOutdated            = "outdated-issuer"
	wordExpiresSoon         = "expires-soon"
	wordNameMismatch        = "name-mismatch"
	wordCNOnly              = "cn-only"
	wordServerOnly          = "server-only"
	wordPublicClientAuth    = "public-client-auth"
	wordAnyUsage            = "any-usage"
	wordLeafKeyUsage        = "leaf-key-usage"
	wordPartialChain        = "partial-chain"
	wordOversizedKey        = "oversized-key"
	wordUnsupportedKey      = "unsupported-key"
	wordNegativeSerial      = "negative-serial"
	wordCriticalExtension   = "unhandled-critical-extension"
	wordSubjectAmbiguous    = "subject-ambiguous"
	wordRequest             = "certificate-request"
	wordBadManifest         = "bad-manifest"
	wordConfiguration       = "configuration"
	wordRuleNeverMatches    = "rule-never-matches"
	wordRuleShadowed        = "rule-shadowed"
	wordDenyNeverMatches    = "deny-never-matches"
	wordReportOnly          = "report-only"
)

// A Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Word        string   `json:"word"`
	Severity    Severity `json:"severity"`
	Listener    string   `json:"listener,omitempty"`    // the name of the ingress or egress, with --config
	File        string   `json:"file,omitempty"`        // as it was named; KIND/NAME: KEY in a manifest
	Certificate int      `json:"certificate,omitempty"` // its place in File, from 1
	Subject     string   `json:"subject,omitempty"`     // of that certificate, in canonical form; or the issuer of a revocation list
	Problem     string   `json:"problem"`               // what is wrong, one sentence
	Fix         string   `json:"fix,omitempty"`         // how to mend it, one sentence
	PeersSay    []Saying `json:"peersSay,omitempty"`    // how it shows at the other end

	bundled bool // a bundle in the right order mends it
}

// A Saying is the exact text in which software complains of a Finding.
type Saying struct {
	Peer string `json:"peer"` // "Go", "OpenSSL" or "Java"
	Text string `json:"text"`
}

// add takes a Finding into the Report, once.
func (r *Report) add(f Finding) {
	f.Listener, f.File, f.Subject = plain(f.Listener), plain(f.File), plain(f.Subject)
	f.Problem, f.Fix = plain(f.Problem), plain(f.Fix)
	for i := range f.PeersSay {
		f.PeersSay[i].Text = plain(f.PeersSay[i].Text)
	}
	same := func(g Finding) bool {
		return g.Word == f.Word && g.File == f.File && g.Certificate == f.Certificate && g.Problem == f.Problem
	}
	if !slices.ContainsFunc(r.Findings, same) {
		r.Findings = append(r.Findings, f)
	}
}

// knows reports whether the word was found in the file already.
func (r *Report) knows(word, file string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Word == word && f.File == plain(file) })
}

// maxPlain bounds every text of a Report. A name that is longer is nobody's.
const maxPlain = 4096

// plain returns s as one line that does nothing to a terminal: whatever does not
// print, such as control and bidirectional characters, is escaped as in Go.
func plain(s string) string {
	if len(s) > maxPlain {
		s = strings.ToValidUTF8(s[:maxPlain], "") + "..."
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// bySeverity puts errors first and keeps the order otherwise.
func bySeverity(a, b Finding) int { return rank(a.Severity) - rank(b.Severity) }

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }

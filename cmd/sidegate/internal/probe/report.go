package probe

import (
	"slices"
	"time"
)

// A Report is all that one probe saw. What comes from the server is escaped in
// it, so that every text is safe in a terminal. Its JSON form is stable: fields
// may be added.
type Report struct {
	Target     string       `json:"target"`     // the URL that was called
	ServerName string       `json:"serverName"` // what the certificate has to be for
	Trust      string       `json:"trust"`      // "system", or "files" for the anchors of --ca
	Addresses  []Address    `json:"addresses"`  // each that was tried, in order
	TLS        *TLS         `json:"tls,omitempty"`
	Sent       int          `json:"sent"`                 // certificates that the server sent
	Chain      []Cert       `json:"chain"`                // those, as they were sent; not more than 10
	Verified   *Path        `json:"verified,omitempty"`   // absent: the chain is not good
	HostFits   bool         `json:"hostFits"`             // ServerName is among the names of the certificate
	ClientAuth *ClientAuth  `json:"clientAuth,omitempty"` // absent: the handshake did not come so far
	HTTP       *HTTP        `json:"http,omitempty"`       // absent: no request was sent, or no answer came
	Findings   []Finding    `json:"findings"`             // errors first
	request    requestState // why HTTP is absent, for the text
}

// An Address is one that was tried.
type Address struct {
	Address       string  `json:"address"`
	Error         string  `json:"error,omitempty"`
	ConnectMillis float64 `json:"connectMillis"`
}

// TLS is what was negotiated.
type TLS struct {
	Version         string  `json:"version"`
	CipherSuite     string  `json:"cipherSuite"`
	KeyExchange     string  `json:"keyExchange,omitempty"`
	PostQuantum     bool    `json:"postQuantum"`
	ALPN            string  `json:"alpn,omitempty"`
	HandshakeMillis float64 `json:"handshakeMillis"`
}

// A Cert is one certificate.
type Cert struct {
	Subject   string    `json:"subject"` // canonical
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"` // subjectAltName, not more than 100
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	DaysLeft  int       `json:"daysLeft"` // whole days; below 0 once it has expired
	Key       string    `json:"key"`
	Signature string    `json:"signature"`
	SHA256    string    `json:"sha256"`         // of the DER, hex
	Role      string    `json:"role,omitempty"` // what is odd about its place: duplicate, root, not-in-chain
}

// A Path is how the server's certificate was verified.
type Path struct {
	Subjects []string `json:"subjects"` // from the server's certificate to the anchor
	Source   string   `json:"source"`   // the file of the anchor, or "the roots of this system"
}

// ClientAuth is how the server asked for our certificate and took it.
type ClientAuth struct {
	Asked     bool     `json:"asked"`
	Hints     []string `json:"caHints"`             // CAs that the server names, not more than 50
	Presented string   `json:"presented,omitempty"` // our Subject, canonical
	Issuer    string   `json:"issuer,omitempty"`    // of ours
	Verdict   string   `json:"verdict"`             // one of the Verdict constants
}

// The verdicts on our certificate.
const (
	VerdictNotAsked   = "not-asked"
	VerdictNone       = "none-presented"
	VerdictAccepted   = "accepted"
	VerdictRefused    = "refused"
	VerdictNotRefused = "not-refused-so-far" // in TLS 1.3 a refusal comes after the handshake
	VerdictUnknown    = "unknown"            // the handshake ended for another reason
)

// HTTP is the answer to the request.
type HTTP struct {
	Status   string `json:"status"` // the whole status line
	Code     int    `json:"code"`
	Location string `json:"location,omitempty"` // not followed
	Body     string `json:"body,omitempty"`     // the first line of an error's body, not more than 200 characters
	Reason   string `json:"reason,omitempty"`   // Sidegate's reason word, if it refused the request
}

// A Finding is something that does not work, will not, or is odd.
type Finding struct {
	Word     string `json:"word"`     // stable
	Severity string `json:"severity"` // one of the severities
	Problem  string `json:"problem"`  // what was seen
	Fix      string `json:"fix"`      // how to mend it
}

// The severities of a Finding.
const (
	Error   = "error"   // it does not work
	Warning = "warning" // it works here, and not for everybody, or not as intended
	Note    = "note"    // worth knowing; nothing is wrong
)

// Failed reports whether anything was found that is more than a note.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != Note })
}

func (r *Report) find(severity, word, problem, fix string) {
	r.Findings = append(r.Findings, Finding{word, severity, problem, fix})
}

// sort puts errors first, and leaves the order otherwise: that of the stations.
func (r *Report) sort() {
	rank := map[string]int{Error: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return rank[a.Severity] - rank[b.Severity] })
}

// A requestState says what became of the request.
type requestState int

const (
	requestNotReached requestState = iota // the connection did not come so far
	requestUnwanted
	requestWithheld // the server was not verified
	requestSent
)

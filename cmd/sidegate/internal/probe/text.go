package probe

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// WriteText writes r for people: a line or a few for each station, then a line
// for each finding, which begins with its word.
func (r *Report) WriteText(w io.Writer) error {
	var t text
	r.writeConnection(&t)
	r.writeChain(&t)
	r.writeClient(&t)
	r.writeHTTP(&t)
	t.b.WriteByte('\n')
	for _, f := range r.Findings {
		fmt.Fprintf(&t.b, "%s: %s: %s\n    %s\n", f.Word, f.Severity, f.Problem, f.Fix)
	}
	if len(r.Findings) == 0 {
		t.b.WriteString("all is well\n")
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

// A text is lines of two columns.
type text struct {
	b    strings.Builder
	last string
}

// line writes a line under a label, which is not repeated.
func (t *text) line(label, format string, a ...any) {
	shown := label
	if label == t.last {
		shown = ""
	}
	t.last = label
	fmt.Fprintf(&t.b, "%-10s  %s\n", shown, fmt.Sprintf(format, a...))
}

func (r *Report) writeConnection(t *text) {
	t.line("target", "%s", r.Target)
	for i, a := range r.Addresses {
		if a.Error != "" {
			t.line("address", "%s: %s after %.0f ms", a.Address, a.Error, a.ConnectMillis)
			continue
		}
		t.line("address", "%s, %s of %d tried, connected in %.1f ms", a.Address, ordinal(i+1), len(r.Addresses), a.ConnectMillis)
	}
	if r.TLS == nil {
		return
	}
	exchange := cmp.Or(r.TLS.KeyExchange, "RSA key exchange (no forward secrecy)")
	if r.TLS.PostQuantum {
		exchange += " (post-quantum)"
	}
	t.line("tls", "%s, %s, %s", r.TLS.Version, r.TLS.CipherSuite, exchange)
	t.line("tls", "ALPN %s, handshake in %.1f ms", cmp.Or(r.TLS.ALPN, "none"), r.TLS.HandshakeMillis)
}

func ordinal(n int) string {
	if n <= 3 {
		return []string{"first", "second", "third"}[n-1]
	}
	return fmt.Sprintf("number %d", n)
}

func (r *Report) writeChain(t *text) {
	if r.Sent == 0 {
		return
	}
	t.line("sent", "%s", count(r.Sent, "certificate"))
	for i, c := range r.Chain {
		label := fmt.Sprintf("  %d", i+1)
		t.line(label, "%s%s", c.Subject, parenthesis(c.Role))
		t.line(label, "  issued by %s", c.Issuer)
		if len(c.Names) > 0 {
			t.line(label, "  for %s", few(c.Names, 10, ", "))
		}
		t.line(label, "  from %s until %s, %s", date(c.NotBefore), date(c.NotAfter), left(c.DaysLeft))
		t.line(label, "  %s, signed with %s", c.Key, c.Signature)
		t.line(label, "  SHA-256 %s", c.SHA256)
	}
	if r.Verified == nil {
		t.line("verified", "no, against %s", r.against())
	} else {
		t.line("verified", "yes, against %s: %s", r.against(), strings.Join(r.Verified.Subjects, " > "))
		if r.Trust == "files" {
			t.line("verified", "the last is in %s", r.Verified.Source)
		}
	}
	fits := "is"
	if !r.HostFits {
		fits = "is not"
	}
	t.line("name", "%s %s among the names of the certificate", r.ServerName, fits)
}

// against says what the server was verified against.
func (r *Report) against() string {
	if r.Trust == "system" {
		return "the roots of this system, as there is no --ca (sidegate run never does that)"
	}
	return "--ca"
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func left(days int) string {
	switch {
	case days < 0:
		return "expired"
	case days == 0:
		return "less than a day left"
	}
	return count(days, "day") + " left"
}

func (r *Report) writeClient(t *text) {
	c := r.ClientAuth
	switch {
	case c == nil:
		return
	case !c.Asked:
		t.line("client", "no certificate was asked for")
		return
	case len(c.Hints) == 0:
		t.line("client", "a certificate was asked for, of whatever CA")
	default:
		t.line("client", "a certificate was asked for, of %s:", count(len(c.Hints), "CA"))
		for _, h := range c.Hints[:min(len(c.Hints), 10)] {
			t.line("client", "  %s", h)
		}
	}
	if c.Presented != "" {
		t.line("client", "presented %s", c.Presented)
		t.line("client", "issued by %s", c.Issuer)
	}
	t.line("client", "%s", verdicts[c.Verdict])
}

var verdicts = map[string]string{
	VerdictNone:       "none was presented",
	VerdictAccepted:   "accepted",
	VerdictRefused:    "refused",
	VerdictNotRefused: "not refused so far: in TLS 1.3 the server tells with its first answer",
	VerdictUnknown:    "whether it was accepted is not known",
}

func (r *Report) writeHTTP(t *text) {
	switch {
	case r.HTTP != nil:
		t.line("http", "%s", r.HTTP.Status)
		if r.HTTP.Location != "" {
			t.line("http", "to %s, which is not followed", r.HTTP.Location)
		}
		if r.HTTP.Body != "" {
			t.line("http", "%s", r.HTTP.Body)
		}
	case r.request == requestUnwanted:
		t.line("http", "no request was sent, as --no-request wants it")
	case r.request == requestWithheld:
		t.line("http", "no request was sent: it goes to a server that is verified, and to no other")
	case r.request == requestSent:
		t.line("http", "no answer")
	}
}

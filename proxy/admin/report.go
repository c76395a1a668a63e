package admin

import (
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
)

// Report is what /status.json says and the page shows. Its keys are stable: new
// ones may come, none is renamed or changes its meaning. Times are RFC 3339 in
// UTC, and lists are never null.
type Report struct {
	Verdict      Verdict         `json:"verdict"`
	Version      string          `json:"version"`
	GoVersion    string          `json:"goVersion"`
	Now          time.Time       `json:"now"`
	Started      time.Time       `json:"started,omitzero"`
	ConfigFile   string          `json:"configFile,omitempty"`
	ConfigLoaded time.Time       `json:"configLoaded,omitzero"`
	Draining     bool            `json:"draining"`
	Ready        bool            `json:"ready"`
	Ingress      []IngressReport `json:"ingress"`
	Egress       []EgressReport  `json:"egress"`
}

// A Level says how bad something is.
type Level string

// The levels.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning" // works, but not in every way, or not for ever
	LevelError   Level = "error"   // does not work, or is not what was meant
)

// Verdict is the whole Report in a line.
type Verdict struct {
	Level    Level     `json:"level"` // the worst of the findings
	Text     string    `json:"text"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing to mend.
type Finding struct {
	Level   Level     `json:"level"`
	Ingress string    `json:"ingress,omitempty"` // empty, like Egress: the process as a whole
	Egress  string    `json:"egress,omitempty"`
	File    string    `json:"file,omitempty"` // the file to blame; Problem then speaks of it
	Code    string    `json:"code,omitempty"` // of a certs.Fault
	Problem string    `json:"problem"`
	Fix     string    `json:"fix,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// ListenerReport is what an ingress and an egress have in common.
type ListenerReport struct {
	Name        string        `json:"name"`
	Listen      string        `json:"listen"`
	Upstream    string        `json:"upstream"`
	Connections int           `json:"connections"`
	Withdrawn   bool          `json:"withdrawn"`        // the configuration has it no longer: it lets nothing through
	Generation  uint64        `json:"generation"`       // of the files in use, 1 for those read at start
	Loaded      time.Time     `json:"loaded,omitzero"`  // when these were read
	Reloads     uint64        `json:"reloads"`          // changes taken into use
	Failures    uint64        `json:"failures"`         // changes that could not be used
	Polling     bool          `json:"polling"`          // the kernel's change notices are not to be had
	Served      *Certificate  `json:"served,omitempty"` // what peers are shown: by an egress, the client certificate
	Chain       []Certificate `json:"chain"`            // sent along with it, nearest issuer first
	Anchors     []Certificate `json:"anchors"`          // soonest to end first
	Warnings    []string      `json:"warnings"`         // one sentence each
}

// IngressReport is one ingress.
type IngressReport struct {
	ListenerReport
	Report    bool            `json:"report"` // nothing is refused by the rules
	Rules     []Rule          `json:"rules"`
	Deny      []Rule          `json:"deny"`
	CRLPolicy string          `json:"crlPolicy,omitempty"` // empty where there is no list
	CRLs      []CRL           `json:"crls"`                // soonest to end first
	Refusals  []RefusalReport `json:"refusals"`            // newest first; with reportOnly: let through
}

// EgressReport is one egress.
type EgressReport struct {
	ListenerReport
	Checks []string     `json:"checks"`      // of the server and of requests
	Failed []CallReport `json:"failedCalls"` // newest first
}

// Certificate is one certificate in use.
type Certificate struct {
	File      string    `json:"file"`
	Subject   string    `json:"subject"` // canonical, or in parentheses why it has no such form
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`            // lower-case hex
	Names     []string  `json:"names,omitempty"`   // DNS names and IP addresses of the subjectAltName
	SHA256    string    `json:"sha256"`            // fingerprint of the DER, lower-case hex
	Trusted   bool      `json:"trusted,omitempty"` // it is a trust anchor
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	DaysLeft  int       `json:"daysLeft"` // whole days, rounded down; negative once it has ended
	Level     Level     `json:"level"`    // warning: ends soon; error: is not valid now

	Ends string `json:"-"` // "ends in 43 days", for the page
	Left int    `json:"-"` // per cent of its life, for the bar
}

// RefusalReport is a refused request or handshake and what its reason means.
type RefusalReport struct {
	proxy.Refusal
	Explanation string `json:"explanation,omitempty"`
}

// CallReport is a call that failed and what its reason means.
type CallReport struct {
	proxy.Failure
	Explanation string `json:"explanation,omitempty"`
}

// report turns a Snapshot into a Report.
func report(s Snapshot) *Report {
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	r := &Report{
		Version:      s.Version,
		GoVersion:    s.GoVersion,
		Now:          s.Now.UTC(),
		Started:      s.Started.UTC(),
		ConfigFile:   s.ConfigFile,
		ConfigLoaded: s.ConfigLoaded.UTC(),
		Draining:     s.Draining,
		Ready:        s.NotReady == nil && !s.Draining,
		Ingress:      make([]IngressReport, 0, len(s.Ingress)),
		Egress:       make([]EgressReport, 0, len(s.Egress)),
	}
	for i := range s.Ingress {
		r.Ingress = append(r.Ingress, ingressReport(&s.Ingress[i], s.Now))
	}
	for i := range s.Egress {
		r.Egress = append(r.Egress, egressReport(&s.Egress[i], s.Now))
	}
	r.Verdict = judge(s, r)
	return r
}

func ingressReport(in *Ingress, now time.Time) IngressReport {
	r := IngressReport{
		ListenerReport: listenerReport(in.Certs, in.Warnings, now),
		Report:         in.Report,
		Rules:          rules(in.Rules),
		Deny:           rules(in.Deny),
		CRLs:           []CRL{},
		Refusals:       refusals(in.Refusals),
	}
	if b := in.Certs.Bundle; b != nil && len(b.CRLs) > 0 {
		r.CRLPolicy, r.CRLs = in.CRLPolicy, crls(b.CRLs, in.CRLGrace, now)
	}
	r.Name, r.Listen, r.Upstream = in.Name, in.Listen, in.Upstream
	r.Connections, r.Withdrawn = in.Connections, in.Withdrawn
	return r
}

func egressReport(out *Egress, now time.Time) EgressReport {
	r := EgressReport{listenerReport(out.Certs, out.Warnings, now), append([]string{}, out.Checks...), failures(out.Failures)}
	r.Name, r.Listen, r.Upstream = out.Name, out.Listen, out.Upstream
	r.Connections, r.Withdrawn = out.Connections, out.Withdrawn
	return r
}

// listenerReport reports on certificates. A listener that has no Bundle, which a
// running one always has, is reported as serving nothing.
func listenerReport(st certs.Status, warned []string, now time.Time) ListenerReport {
	r := ListenerReport{
		Reloads:  st.Reloads,
		Failures: st.Failures,
		Polling:  st.Polling,
		Chain:    []Certificate{},
		Anchors:  []Certificate{},
		Warnings: warnings(st, warned),
	}
	if b := st.Bundle; b != nil {
		r.Generation, r.Loaded = b.Generation, b.Loaded.UTC()
		r.certificates(b, now)
	}
	return r
}

// warnings returns the warnings on the files and on the configuration, each once.
func warnings(st certs.Status, configured []string) []string {
	out, seen := []string{}, make(map[string]bool)
	add := func(ws []string) {
		for _, w := range ws {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	if st.Bundle != nil {
		add(st.Bundle.Warnings)
	}
	add(configured)
	return out
}

func rules(rs []Rule) []Rule {
	out := make([]Rule, len(rs))
	for i, r := range rs {
		out[i] = Rule{Name: r.Name, Report: r.Report, Conditions: append([]string{}, r.Conditions...)}
	}
	return out
}

func refusals(rs []proxy.Refusal) []RefusalReport {
	out := make([]RefusalReport, len(rs))
	for i, f := range rs {
		f.Time = f.Time.UTC()
		out[i] = RefusalReport{f, explain(f)}
	}
	return out
}

func failures(fs []proxy.Failure) []CallReport {
	out := make([]CallReport, len(fs))
	for i, f := range fs {
		f.Time = f.Time.UTC()
		out[i] = CallReport{f, explainCall(f)}
	}
	return out
}

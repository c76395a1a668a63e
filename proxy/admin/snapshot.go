package admin

import (
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
)

// Snapshot is how Sidegate stands at one moment. It is made anew for each look
// and not changed afterwards.
type Snapshot struct {
	Version   string    // of Sidegate
	GoVersion string    // of the toolchain that built it
	Started   time.Time // of the process
	Now       time.Time // of the snapshot; zero means the time of the request

	ConfigFile   string    // empty: configured by flags
	ConfigLoaded time.Time // when the configuration in use was read
	ConfigFault  error     // why the file as it is now is not in use; the last good one is

	Draining bool  // the process is going away
	NotReady error // why /readyz says no; nil if it does not

	Ingress []Ingress // in the order of the configuration
	Egress  []Egress  // likewise
}

// Ingress is one ingress of a Snapshot.
type Ingress struct {
	Name        string
	Listen      string // address
	Upstream    string // URL of the application
	Connections int    // open now
	Withdrawn   bool   // the configuration has it no longer: it lets nobody in
	Certs       certs.Status
	Warnings    []string // beside those of the Bundle, one sentence each
	Rules       []Rule
	Deny        []Rule          // the deny entries, likewise
	Report      bool            // nothing is refused by the rules
	CRLPolicy   string          // as the configuration spells it
	CRLGrace    time.Duration   // how long a revocation list counts after its nextUpdate
	Refusals    []proxy.Refusal // the last ones, newest first
}

// Egress is one egress of a Snapshot.
type Egress struct {
	Name        string
	Listen      string // address
	Upstream    string // URL of the partner's server
	Connections int    // of the application, open now
	Withdrawn   bool   // the configuration has it no longer: it calls nobody
	Certs       certs.Status
	Warnings    []string        // beside those of the Bundle, one sentence each
	Checks      []string        // what is asked of the server and of requests, as "serverName: …", all of which must be met
	Failures    []proxy.Failure // the last ones, newest first
}

// Rule is a rule or a deny entry of an ingress, in words.
type Rule struct {
	Name       string   `json:"name"`
	Report     bool     `json:"report,omitempty"` // it is on trial and lets nobody in
	Conditions []string `json:"conditions"`       // as "subject: CN=…", all of which must be met
}
